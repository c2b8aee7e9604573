//! Following a folder of configuration files.
//!
//! A half-written file must never open traffic. Anyone may edit a file in place – empty it, write
//! some of it, be interrupted, write the rest – and what lies on the disk between may well be good
//! YAML with fewer rules. So a change is read only when it has come to rest, and these are the signs:
//!
//! - The system's own record. inotify tells of each write and of the close by the last writer. A file
//!   that was written and not yet closed is not read, however long that takes; after two seconds it is
//!   listed as a problem. (A file cut short by its path, without being opened, looks like that too;
//!   touching it ends that.) When the close was seen, 30 ms without a further
//!   change are enough.
//! - Time alone, 500 ms, for changes that inotify did not tell of: on a network file system, behind a
//!   symbolic link that was swapped, before the folder was watched, or after its queue overflowed.
//! - The text itself. One that is only the beginning of what the file said before, the empty text
//!   above all, waits 500 ms in any case, and five seconds if its writer is not known to have closed
//!   it: opening a file to empty it may wait for the disk, and nothing is told until that is over.
//!   A file that is not there any more waits 500 ms too.
//!
//! The record must not lag behind the disk. So inotify's queue is emptied between opening a file and
//! reading it, by the thread that reads: the system queues an event before the call that caused it
//! returns. Size, times and inode must be the same before and after reading.
//!
//! Refused: reading on every event and validating the text, since no check of the text can tell that
//! its end is missing; leases and locks, since writers are editors and shells that take none.

mod activity;
mod follower;
mod listing;
mod source;
mod text;
mod tracked;

#[cfg(test)]
mod tests;

pub(crate) use listing::{Stamp, list};
pub(crate) use text::read_text;

pub use source::FolderSource;
