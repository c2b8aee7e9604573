use std::cmp::Ordering;

use mesh_attributes::{Bag, Timestamp};

use crate::EvalError;
use crate::program::kinds::{Double, Instant, Integer, Ip, Text, Truth};
use crate::program::term::{Kind, Term};
use crate::syntax::ast::Comparison;

impl Comparison {
    /// Whether operands so ordered satisfy it. `None`: different and in no order.
    pub(crate) fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

impl Comparison {
    /// Whether two texts satisfy it, by their bytes. Equality is quicker than order.
    #[inline]
    pub(crate) fn holds_for_texts(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            how => how.holds(Some(left.cmp(right))),
        }
    }
}

/// Two operands of a kind with one notion of equality and, where it has one, of order.
pub(crate) struct Compare<K: Kind> {
    pub(crate) how: Comparison,
    pub(crate) left: Term<K>,
    pub(crate) right: Term<K>,
}

pub(crate) trait Comparable: Kind {
    fn compare(left: &Self::Value<'_>, right: &Self::Value<'_>) -> Option<Ordering>;
}

impl<K: Comparable> Compare<K> {
    pub(crate) fn eval<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        let left = self.left.eval(bag)?;
        let right = self.right.eval(bag)?;
        Ok(self.how.holds(K::compare(&left, &right)))
    }
}

impl Compare<Text> {
    /// As texts, by their bytes.
    pub(crate) fn eval_text<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        let Some(left) = self.left.at_hand(bag) else { return self.eval_made(bag) };
        let Some(right) = self.right.at_hand(bag) else { return self.eval_made(bag) };
        Ok(self.how.holds_for_texts(left, right))
    }

    /// The same where a text has to be made first, or is not there. Apart from the rest, whose way would
    /// be longer with this in it.
    #[inline(never)]
    fn eval_made<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        let left = self.left.eval(bag)?;
        let right = self.right.eval(bag)?;
        Ok(self.how.holds_for_texts(&left, &right))
    }
}

impl Comparable for Integer {
    fn compare(left: &i64, right: &i64) -> Option<Ordering> {
        Some(left.cmp(right))
    }
}

impl Comparable for Double {
    fn compare(left: &f64, right: &f64) -> Option<Ordering> {
        left.partial_cmp(right)
    }
}

impl Comparable for Truth {
    fn compare(left: &bool, right: &bool) -> Option<Ordering> {
        Some(left.cmp(right))
    }
}

/// By instant, whatever the split into seconds and nanoseconds.
impl Comparable for Instant {
    fn compare(left: &Timestamp, right: &Timestamp) -> Option<Ordering> {
        let nanos = |t: &Timestamp| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
        Some(nanos(left).cmp(&nanos(right)))
    }
}

impl Comparable for Ip {
    fn compare(left: &Self::Value<'_>, right: &Self::Value<'_>) -> Option<Ordering> {
        (left == right).then_some(Ordering::Equal)
    }
}
