use prost::DecodeError;
use prost_reflect::DescriptorError;

/// A template's descriptor is no good.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The bytes are something else.
    #[error("the descriptor is no FileDescriptorSet: {source}; was it cut or encoded twice?")]
    Decode {
        /// The decoder's reason.
        source: DecodeError,
    },
    /// The files do not fit together.
    #[error(
        "the descriptor's files do not fit together: {source}; was protoc run with --include_imports?"
    )]
    Link {
        /// The linker's reason.
        source: DescriptorError,
    },
    /// No file describes a template.
    #[error("no file of the descriptor has the option template_variety")]
    NoTemplate,
    /// Several files do.
    #[error("{first} and {second} both have the option template_variety, one file may")]
    TwoTemplates {
        /// A file.
        first: String,
        /// Another one.
        second: String,
    },
    /// The template has no name.
    #[error("{file} has no option template_name of letters only; is it the file before mixgen?")]
    NoName {
        /// The file.
        file: String,
    },
    /// The variety is none of Istio's.
    #[error("{file} has template_variety {variety}, 0 to 4 are known")]
    UnknownVariety {
        /// The file.
        file: String,
        /// Its number.
        variety: i32,
    },
    /// A part that the protocol needs is not there.
    #[error("{file} has no {part}; the descriptor must be that of template_handler_service.proto")]
    Missing {
        /// The file.
        file: String,
        /// What is missing.
        part: String,
    },
}

/// An adapter's declaration is no good.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The bytes are something else.
    #[error("`config` is no FileDescriptorSet: {source}; was it cut or encoded twice?")]
    Decode {
        /// The decoder's reason.
        source: DecodeError,
    },
    /// The files do not fit together.
    #[error(
        "the files in `config` do not fit together: {source}; was protoc run with --include_imports?"
    )]
    Link {
        /// The linker's reason.
        source: DescriptorError,
    },
    /// Nothing describes the parameters.
    #[error("no file in `config` has a message Params")]
    NoParams,
}

/// An instance's field is not as its template has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldMistake {
    /// There is no such field.
    #[error("template {template} has no field {field}{hint}")]
    Unknown {
        /// The template's name.
        template: String,
        /// The field as written.
        field: String,
        /// Which may have been meant.
        hint: String,
    },
    /// It has fields or entries of its own.
    #[error(
        "field {field} of template {template} is {what}: its parts have expressions, not itself"
    )]
    HasParts {
        /// The template's name.
        template: String,
        /// The field as written.
        field: String,
        /// A message or a map.
        what: &'static str,
    },
    /// It has no parts.
    #[error("field {field} of template {template} is one value and has no parts")]
    HasNoParts {
        /// The template's name.
        template: String,
        /// The field as written.
        field: String,
    },
    /// No expression makes such a thing.
    #[error("field {field} of template {template} is {what}, which no expression makes")]
    Unsupported {
        /// The template's name.
        template: String,
        /// The field as written.
        field: String,
        /// Its kind.
        what: String,
    },
    /// The expression is of another type.
    #[error("field {field} of template {template}: is {got}, expected {wanted}")]
    Mistyped {
        /// The template's name.
        template: String,
        /// The field as written.
        field: String,
        /// The expression's type.
        got: &'static str,
        /// What the template wants.
        wanted: String,
    },
}
