use crate::syntax::ast::{Form, Literal, Node, Operator};
use crate::syntax::lex::{LexError, Lexer, Token};
use crate::syntax::{duration, literal};
use crate::{CompileError, Problem};

/// The longest expression in bytes: room for a list of some thousand terms.
pub const MAX_LENGTH: usize = 64 * 1024;

/// The deepest nesting of operators, calls and parentheses. A run of one of `||`, `&&`, `|`, `+` is
/// one level however long it is. Keeps every recursion over an expression within half of the stack
/// that threads get, in builds without optimisation too.
pub const MAX_DEPTH: usize = 64;

/// The tree of `text`, by Go's grammar for expressions as far as this language uses it.
pub(crate) fn parse(text: &str) -> Result<Node, CompileError> {
    if text.len() > MAX_LENGTH {
        let problem = Problem::TooLong { length: text.len(), limit: MAX_LENGTH };
        return Err(CompileError { problem, offset: MAX_LENGTH });
    }
    let mut parser = Parser { text, lexer: Lexer::new(text), at: 0, token: Token::End, depth: 0 };
    parser.advance()?;
    if parser.token == Token::End {
        return Err(CompileError { problem: Problem::Empty, offset: 0 });
    }
    let (node, _) = parser.expression(0)?;
    if parser.token == Token::LineBreak {
        parser.advance()?;
        if parser.token != Token::End {
            return Err(parser.syntax(
                "the line break before it ends the expression: put operators at the end of a line",
            ));
        }
    }
    if parser.token == Token::End { Ok(node) } else { Err(parser.syntax("operator expected")) }
}

/// A node and the depth of its tree.
type Deep = (Node, usize);

struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    at: usize,
    token: Token<'t>,
    /// How many calls of `expression` and `unary` are under way.
    depth: usize,
}

impl<'t> Parser<'t> {
    /// Binary operators of more than `least` precedence, left-associative.
    fn expression(&mut self, least: u8) -> Result<Deep, CompileError> {
        self.descend()?;
        let mut left = self.unary()?;
        while let Token::Symbol(symbol) = self.token
            && let Some((operator, precedence)) = Operator::binary(symbol)
            && precedence > least
        {
            let at = self.at;
            self.advance()?;
            let right = self.expression(precedence)?;
            left = self.join(operator, at, left, right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn join(
        &self,
        operator: Operator,
        at: usize,
        (left, left_depth): Deep,
        (right, right_depth): Deep,
    ) -> Result<Deep, CompileError> {
        match left {
            Node { at, form: Form::Operation(same, mut operands) }
                if same == operator && operator.chains() && operands.len() > 1 =>
            {
                operands.push(right);
                let depth = self.checked(left_depth.max(right_depth + 1))?;
                Ok((Node { at, form: Form::Operation(operator, operands) }, depth))
            }
            left => {
                let depth = self.checked(left_depth.max(right_depth) + 1)?;
                Ok((Node { at, form: Form::Operation(operator, vec![left, right]) }, depth))
            }
        }
    }

    fn unary(&mut self) -> Result<Deep, CompileError> {
        let at = self.at;
        if let Token::Symbol(symbol) = self.token
            && let Some(operator) = Operator::unary(symbol)
        {
            self.descend()?;
            self.advance()?;
            let (operand, depth) = self.unary()?;
            self.depth -= 1;
            let depth = self.checked(depth + 1)?;
            return Ok((Node { at, form: Form::Operation(operator, vec![operand]) }, depth));
        }
        self.postfix()
    }

    /// An operand with the indexes and method calls that follow it.
    fn postfix(&mut self) -> Result<Deep, CompileError> {
        let mut node = self.operand()?;
        let mut indexed = false;
        loop {
            let at = self.at;
            if self.take("[")? {
                node = self.index(at, node)?;
                indexed = true;
            } else if self.take(".")? {
                if indexed {
                    return Err(self.syntax("a method of m[k] needs parentheses: (m[k]).method()"));
                }
                node = self.method(node)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn index(&mut self, at: usize, (map, map_depth): Deep) -> Result<Deep, CompileError> {
        let (key, key_depth) = self.expression(0)?;
        self.expect("]")?;
        let depth = self.checked(map_depth.max(key_depth) + 1)?;
        Ok((Node { at, form: Form::Operation(Operator::Index, vec![map, key]) }, depth))
    }

    fn method(&mut self, target: Deep) -> Result<Deep, CompileError> {
        let at = self.at;
        let name = self.name()?;
        self.expect("(")?;
        self.call(at, name, Some(target))
    }

    fn operand(&mut self) -> Result<Deep, CompileError> {
        match self.token {
            Token::Name(_) => self.path(),
            Token::Symbol("(") => self.parenthesised(),
            _ => self.literal(),
        }
    }

    fn parenthesised(&mut self) -> Result<Deep, CompileError> {
        self.advance()?;
        let inner = self.expression(0)?;
        self.expect(")")?;
        Ok(inner)
    }

    fn literal(&mut self) -> Result<Deep, CompileError> {
        let at = self.at;
        let (source, value) = match self.token {
            Token::Int(source) => match source.parse() {
                Ok(value) => (source, Literal::Int64(value)),
                Err(_) => return Err(self.syntax("integer is out of the range of 64 bits")),
            },
            Token::Float(source) => match source.parse::<f64>() {
                Ok(value) if value.is_finite() => (source, Literal::Double(value)),
                _ => return Err(self.syntax("number is out of the range of a double")),
            },
            Token::Quoted(source) => {
                let text = literal::unquote(source)
                    .map_err(|(offset, reason)| self.lexical((at + offset, reason.to_owned())))?;
                let value = match duration::parse(&text) {
                    Some(span) => Literal::Duration(span),
                    None => Literal::String(text.into_owned()),
                };
                (source, value)
            }
            _ => return Err(self.syntax("operand expected")),
        };
        self.advance()?;
        Ok((Node { at, form: Form::Literal { source: source.to_owned(), value } }, 1))
    }

    /// A dotted name: an attribute, a function's call, a method's call on an attribute, true or false.
    fn path(&mut self) -> Result<Deep, CompileError> {
        let at = self.at;
        let mut last_at = at;
        let mut last = self.name()?;
        let mut before = String::new();
        while self.take(".")? {
            before.push_str(if before.is_empty() { "" } else { "." });
            before.push_str(last);
            last_at = self.at;
            last = self.name()?;
        }
        if self.take("(")? {
            let target =
                (!before.is_empty()).then_some((Node { at, form: Form::Attribute(before) }, 1));
            return self.call(last_at, last, target);
        }
        Ok((Node { at, form: named(before, last) }, 1))
    }

    /// The arguments of a call, behind its opening parenthesis. A comma may follow the last one.
    fn call(&mut self, at: usize, name: &str, target: Option<Deep>) -> Result<Deep, CompileError> {
        let (target, mut depth) = target.map_or((None, 0), |(node, d)| (Some(Box::new(node)), d));
        let mut arguments = Vec::new();
        while self.token != Token::Symbol(")") {
            let (argument, argument_depth) = self.expression(0)?;
            arguments.push(argument);
            depth = depth.max(argument_depth);
            if !self.take(",")? {
                break;
            }
        }
        self.expect(")")?;
        let form = Form::Call { name: name.to_owned(), target, arguments };
        Ok((Node { at, form }, self.checked(depth + 1)?))
    }

    fn name(&mut self) -> Result<&'t str, CompileError> {
        let Token::Name(name) = self.token else {
            return Err(self.syntax("a name is expected after '.'"));
        };
        self.advance()?;
        Ok(name)
    }

    fn advance(&mut self) -> Result<(), CompileError> {
        (self.at, self.token) = self.lexer.next().map_err(|e| self.lexical(e))?;
        Ok(())
    }

    /// Whether `symbol` was next; if so it is passed.
    fn take(&mut self, symbol: &str) -> Result<bool, CompileError> {
        let found = matches!(self.token, Token::Symbol(s) if s == symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &str) -> Result<(), CompileError> {
        if self.take(symbol)? { Ok(()) } else { Err(self.syntax(&format!("'{symbol}' expected"))) }
    }

    fn descend(&mut self) -> Result<(), CompileError> {
        self.depth = self.checked(self.depth + 1)?;
        Ok(())
    }

    fn checked(&self, depth: usize) -> Result<usize, CompileError> {
        if depth <= MAX_DEPTH {
            return Ok(depth);
        }
        Err(CompileError { problem: Problem::TooDeep { limit: MAX_DEPTH }, offset: self.at })
    }

    fn syntax(&self, expected: &str) -> CompileError {
        let found = match self.token {
            Token::Name(s) | Token::Int(s) | Token::Float(s) | Token::Quoted(s) => s,
            Token::Symbol(s) => s,
            Token::LineBreak => "line break",
            Token::End => "end of expression",
        };
        self.lexical((self.at, format!("{expected}, found {found:.40}")))
    }

    fn lexical(&self, (offset, reason): LexError) -> CompileError {
        CompileError::syntax(self.text, offset, reason)
    }
}

/// What the dotted name `before.last` stands for where it is not called.
fn named(mut before: String, last: &str) -> Form {
    if before.is_empty() {
        for (word, value) in [("true", true), ("false", false)] {
            if last.eq_ignore_ascii_case(word) {
                return Form::Literal { source: word.to_owned(), value: Literal::Bool(value) };
            }
        }
        return Form::Attribute(last.to_owned());
    }
    before.push('.');
    before.push_str(last);
    Form::Attribute(before)
}
