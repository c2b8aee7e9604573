use std::borrow::Cow;

use mesh_attributes::Bag;

use crate::EvalError;
use crate::format::Format;
use crate::program::comparison::Compare;
use crate::program::kinds::Text;
use crate::program::term::Term;

/// `dnsName(s)`, `email(s)` and `uri(s)`: the text itself, if it has the form.
pub(crate) struct CheckFormat {
    pub(crate) format: Format,
    pub(crate) text: Term<Text>,
}

impl CheckFormat {
    pub(crate) fn eval<'a, B: Bag + ?Sized>(
        &'a self,
        bag: &'a B,
    ) -> Result<Cow<'a, str>, EvalError> {
        let text = self.text.eval(bag)?;
        self.format.check(&text)?;
        Ok(text)
    }
}

/// `==` and `!=` by the format's notion of the same; an operand without the form is an error.
pub(crate) struct CompareFormat {
    pub(crate) format: Format,
    pub(crate) operands: Compare<Text>,
}

impl CompareFormat {
    pub(crate) fn eval<B: Bag + ?Sized>(&self, bag: &B) -> Result<bool, EvalError> {
        let left = self.operands.left.eval(bag)?;
        let right = self.operands.right.eval(bag)?;
        let same = self.format.same(&left, &right)?;
        Ok(self.operands.how.holds(same.then_some(std::cmp::Ordering::Equal)))
    }
}
