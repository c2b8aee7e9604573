use super::ast::{CHAINS, CONDITIONAL, Form, INDEX, Literal, Node};
use super::lex::{LexError, Lexer, Token};
use crate::syntax::parse::{MAX_DEPTH, MAX_LENGTH};
use crate::{CompileError, Problem};

/// Words that CEL keeps for itself; they cannot start a name.
const RESERVED: [&str; 16] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "void",
    "while",
];

/// The tree of `text`, by CEL's grammar.
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
    let (node, _) = parser.expression()?;
    if parser.token == Token::End { Ok(node) } else { Err(parser.syntax("operator expected")) }
}

/// A node and the depth of its tree.
type Deep = (Node, usize);

struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    at: usize,
    token: Token<'t>,
    /// How many calls of `expression`, `binary` and `unary` are under way.
    depth: usize,
}

/// The binary operator of `symbol`: its name and its precedence, higher binding closer.
fn binary(symbol: &str) -> Option<(&'static str, u8)> {
    Some(match symbol {
        "||" => ("_||_", 1),
        "&&" => ("_&&_", 2),
        "==" => ("_==_", 3),
        "!=" => ("_!=_", 3),
        "<" => ("_<_", 3),
        "<=" => ("_<=_", 3),
        ">" => ("_>_", 3),
        ">=" => ("_>=_", 3),
        "in" => ("_in_", 3),
        "+" => ("_+_", 4),
        "-" => ("_-_", 4),
        "*" => ("_*_", 5),
        "/" => ("_/_", 5),
        "%" => ("_%_", 5),
        _ => return None,
    })
}

impl<'t> Parser<'t> {
    /// A whole expression: the conditional operator binds least and to the right.
    fn expression(&mut self) -> Result<Deep, CompileError> {
        self.descend()?;
        let (condition, depth) = self.binary(0)?;
        let at = self.at;
        let deep = if self.take("?")? {
            let (then, then_depth) = self.binary(0)?;
            self.expect(":")?;
            let (otherwise, otherwise_depth) = self.expression()?;
            let depth = self.checked(depth.max(then_depth).max(otherwise_depth) + 1)?;
            (Node::call(at, CONDITIONAL, vec![condition, then, otherwise]), depth)
        } else {
            (condition, depth)
        };
        self.depth -= 1;
        Ok(deep)
    }

    /// Binary operators of more than `least` precedence, left-associative.
    fn binary(&mut self, least: u8) -> Result<Deep, CompileError> {
        self.descend()?;
        let mut left = self.unary()?;
        while let Token::Symbol(symbol) = self.token
            && let Some((name, precedence)) = binary(symbol)
            && precedence > least
        {
            let at = self.at;
            self.advance()?;
            let right = self.binary(precedence)?;
            left = self.join(name, at, left, right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn join(
        &self,
        name: &str,
        at: usize,
        (left, left_depth): Deep,
        (right, right_depth): Deep,
    ) -> Result<Deep, CompileError> {
        match left {
            Node { at, form: Form::Call { name: same, target: None, mut arguments } }
                if same == name && CHAINS.contains(&name) =>
            {
                arguments.push(right);
                let depth = self.checked(left_depth.max(right_depth + 1))?;
                Ok((Node { at, form: Form::Call { name: same, target: None, arguments } }, depth))
            }
            left => {
                let depth = self.checked(left_depth.max(right_depth) + 1)?;
                Ok((Node::call(at, name, vec![left, right]), depth))
            }
        }
    }

    fn unary(&mut self) -> Result<Deep, CompileError> {
        let at = self.at;
        let name = match self.token {
            Token::Symbol("!") => "!_",
            Token::Symbol("-") => "-_",
            _ => return self.postfix(""),
        };
        self.descend()?;
        self.advance()?;
        // A sign is part of the number that follows, so that the least integer can be written.
        let is_number = matches!(self.token, Token::Int(_) | Token::Double(_));
        let deep = if name == "-_" && is_number {
            self.postfix("-")?
        } else {
            let (operand, depth) = self.unary()?;
            (Node::call(at, name, vec![operand]), self.checked(depth + 1)?)
        };
        self.depth -= 1;
        Ok(deep)
    }

    /// An operand with the fields, methods and indexes that follow it.
    fn postfix(&mut self, sign: &str) -> Result<Deep, CompileError> {
        let (mut node, mut depth) = self.operand(sign)?;
        loop {
            let at = self.at;
            if self.take("[")? {
                let (key, key_depth) = self.expression()?;
                self.expect("]")?;
                depth = self.checked(depth.max(key_depth) + 1)?;
                node = Node::call(at, INDEX, vec![node, key]);
            } else if self.take(".")? {
                let at = self.at;
                let name = self.name()?.to_owned();
                let target = Box::new(node);
                if self.take("(")? {
                    let (arguments, arguments_depth) = self.list(")")?;
                    depth = self.checked(depth.max(arguments_depth) + 1)?;
                    let form = Form::Call { name, target: Some(target), arguments };
                    node = Node { at, form };
                } else {
                    depth = self.checked(depth + 1)?;
                    node = Node { at: target.at, form: Form::Select(target, name) };
                }
            } else if self.token == Token::Symbol("{") {
                return Err(self.syntax("messages cannot be constructed"));
            } else {
                return Ok((node, depth));
            }
        }
    }

    fn operand(&mut self, sign: &str) -> Result<Deep, CompileError> {
        let at = self.at;
        if self.take("(")? {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("[")? {
            let (elements, depth) = self.list("]")?;
            return Ok((Node { at, form: Form::List(elements) }, self.checked(depth + 1)?));
        }
        if self.take("{")? {
            return self.map(at);
        }
        // A leading dot asks for the outermost scope, and there is no other.
        self.take(".")?;
        if let Token::Name(name) = self.token {
            return self.named(at, name);
        }
        let literal = self.literal(sign)?;
        self.advance()?;
        Ok((Node { at, form: Form::Literal(literal) }, 1))
    }

    fn named(&mut self, at: usize, name: &str) -> Result<Deep, CompileError> {
        if RESERVED.contains(&name) {
            return Err(self.syntax(&format!("reserved identifier: {name}")));
        }
        self.advance()?;
        let form = match name {
            "true" | "false" => Form::Literal(Literal::Bool(name == "true")),
            "null" => {
                let reason = "null is of no attribute's type: absence is asked for by has()";
                return Err(self.lexical((at, reason.to_owned())));
            }
            _ if self.take("(")? => {
                let (arguments, depth) = self.list(")")?;
                return Ok((Node::call(at, name, arguments), self.checked(depth + 1)?));
            }
            _ => Form::Name(name.to_owned()),
        };
        Ok((Node { at, form }, 1))
    }

    fn literal(&mut self, sign: &str) -> Result<Literal, CompileError> {
        Ok(match &mut self.token {
            Token::Int(source) => match integer(sign, source).and_then(|n| i64::try_from(n).ok()) {
                Some(number) => Literal::Int(number),
                None => return Err(self.syntax("integer is out of the range of 64 bits")),
            },
            Token::Uint(source) => match integer("", source).and_then(|n| u64::try_from(n).ok()) {
                Some(number) => Literal::Uint(number),
                None => return Err(self.syntax("integer is out of the range of 64 bits")),
            },
            Token::Double(source) => match format!("{sign}{source}").parse::<f64>() {
                Ok(number) if number.is_finite() => Literal::Double(number),
                _ => return Err(self.syntax("number is out of the range of a double")),
            },
            Token::Text(text) => Literal::Text(std::mem::take(text).into_owned()),
            Token::Bytes(bytes) => Literal::Bytes(std::mem::take(bytes)),
            _ => return Err(self.syntax("operand expected")),
        })
    }

    /// Expressions up to `close`, behind the opening bracket, and the greatest of their depths. A comma
    /// may follow the last one.
    fn list(&mut self, close: &'static str) -> Result<(Vec<Node>, usize), CompileError> {
        let mut nodes = Vec::new();
        let mut depth = 0;
        while self.token != Token::Symbol(close) {
            let (node, node_depth) = self.expression()?;
            nodes.push(node);
            depth = depth.max(node_depth);
            if !self.take(",")? {
                break;
            }
        }
        self.expect(close)?;
        Ok((nodes, depth))
    }

    fn map(&mut self, at: usize) -> Result<Deep, CompileError> {
        let mut entries = Vec::new();
        let mut depth = 0;
        while self.token != Token::Symbol("}") {
            let (key, key_depth) = self.expression()?;
            self.expect(":")?;
            let (value, value_depth) = self.expression()?;
            depth = depth.max(key_depth).max(value_depth);
            entries.push((key, value));
            if !self.take(",")? {
                break;
            }
        }
        self.expect("}")?;
        Ok((Node { at, form: Form::Map(entries) }, self.checked(depth + 1)?))
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
    fn take(&mut self, symbol: &'static str) -> Result<bool, CompileError> {
        let found = self.token == Token::Symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), CompileError> {
        if self.take(symbol)? { Ok(()) } else { Err(self.syntax(&format!("'{symbol}' expected"))) }
    }

    fn descend(&mut self) -> Result<(), CompileError> {
        // Each level of nesting passes through up to two calls that descend.
        if self.depth >= 2 * MAX_DEPTH {
            return Err(self.too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    fn checked(&self, depth: usize) -> Result<usize, CompileError> {
        if depth <= MAX_DEPTH { Ok(depth) } else { Err(self.too_deep()) }
    }

    fn too_deep(&self) -> CompileError {
        CompileError { problem: Problem::TooDeep { limit: MAX_DEPTH }, offset: self.at }
    }

    fn syntax(&self, expected: &str) -> CompileError {
        let found = match &self.token {
            Token::Name(s) | Token::Int(s) | Token::Uint(s) | Token::Double(s) => s,
            Token::Symbol(s) => s,
            Token::Text(text) => &**text,
            Token::Bytes(_) => "bytes",
            Token::End => "end of expression",
        };
        self.lexical((self.at, format!("{expected}, found {found:.40}")))
    }

    fn lexical(&self, (offset, reason): LexError) -> CompileError {
        CompileError::syntax(self.text, offset, reason)
    }
}

/// The number with this sign, in decimal or behind `0x` in hexadecimal digits.
fn integer(sign: &str, source: &str) -> Option<i128> {
    let hexadecimal = source.strip_prefix("0x").or_else(|| source.strip_prefix("0X"));
    let number = match hexadecimal {
        Some(digits) => i128::from_str_radix(digits, 16),
        None => source.parse(),
    };
    number.ok().map(|number| if sign.is_empty() { number } else { -number })
}
