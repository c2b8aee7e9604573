//! The check of one request: the question, the answer and what follows from it.

mod answer;
mod operations;
mod question;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use answer::MAX_ANSWER_BYTES;
pub use answer::{Answer, AnswerHeaders, MixerCache};
pub use operations::{HeaderChange, HeaderOperation, HeaderOperations};
pub use question::Question;
pub(crate) use question::unary_headers;
pub use verdict::{Denial, Verdict};
