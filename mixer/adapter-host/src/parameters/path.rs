use std::fmt;

/// Where a value stands, such as `metrics[2].kind`.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Field { parent: &'p Path<'p>, name: &'p str },
    Element { parent: &'p Path<'p>, index: usize },
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field { parent: Self::Root, name } => f.write_str(name),
            Self::Field { parent, name } => write!(f, "{parent}.{name}"),
            Self::Element { parent, index } => write!(f, "{parent}[{index}]"),
        }
    }
}
