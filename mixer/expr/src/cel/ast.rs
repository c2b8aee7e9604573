use mesh_attributes::Span;

/// A parsed expression with the place in the text where it starts. Its depth is at most
/// [`MAX_DEPTH`](crate::MAX_DEPTH).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) form: Form,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    Literal(Literal),
    Name(String),
    Select(Box<Node>, String),
    /// A function, a method, or an operator by the name that CEL gives it, such as `_==_`. A run of
    /// one of [`CHAINS`] is one call with all operands.
    Call {
        name: String,
        target: Option<Box<Node>>,
        arguments: Vec<Node>,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Only in the text of CEXL.
    Duration(Span),
}

/// Operators of which a run is one node, so that a long list of terms is not a deep tree.
pub(crate) const CHAINS: [&str; 3] = ["_||_", "_&&_", "_+_"];

pub(crate) const CONDITIONAL: &str = "_?_:_";
pub(crate) const INDEX: &str = "_[_]";

impl Node {
    /// `name(arguments)`, or an operator.
    pub(crate) fn call(at: usize, name: &str, arguments: Vec<Self>) -> Self {
        Self { at, form: Form::Call { name: name.to_owned(), target: None, arguments } }
    }

    /// The arguments, when this is a call of `name` without target.
    pub(crate) fn arguments_of(&self, name: &str) -> Option<&[Self]> {
        match &self.form {
            Form::Call { name: called, target: None, arguments } if called == name => {
                Some(arguments)
            }
            _ => None,
        }
    }
}
