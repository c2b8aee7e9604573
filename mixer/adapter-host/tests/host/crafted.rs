//! Components that no tool chain makes: an adapter with something added to it.

use std::path::PathBuf;

use wasm_encoder::{
    CodeSection, ComponentSection, Function, FunctionSection, InstanceSection, Module,
    ModuleSection, NestedComponentSection, TypeSection, ValType,
};

use crate::fixture::file;

/// An adapter and what was added to it.
pub(crate) struct Crafted {
    bytes: Vec<u8>,
}

impl Crafted {
    /// Begins with an adapter of the repository.
    pub(crate) fn from(adapter: &str) -> Self {
        Self { bytes: std::fs::read(file(adapter)).unwrap() }
    }

    pub(crate) fn with_module(self, module: &Module) -> Self {
        self.with(&ModuleSection(module))
    }

    /// Makes an instance of the module of this number whenever one of the component is made.
    pub(crate) fn with_instance_of(self, module: u32) -> Self {
        let mut instances = InstanceSection::new();
        instances.instantiate::<[(&str, wasm_encoder::ModuleArg); 0], &str>(module, []);
        self.with(&instances)
    }

    /// Adds a component with components within each other down to `depth`.
    pub(crate) fn with_nested(self, depth: usize) -> Self {
        let mut inner = wasm_encoder::Component::new();
        for _ in 1..depth {
            let mut outer = wasm_encoder::Component::new();
            outer.section(&NestedComponentSection(&inner));
            inner = outer;
        }
        self.with(&NestedComponentSection(&inner))
    }

    fn with(mut self, section: &impl ComponentSection) -> Self {
        section.append_to_component(&mut self.bytes);
        self
    }

    /// Writes it to a file of this name in `folder`.
    pub(crate) fn write(self, folder: &tempfile::TempDir, name: &str) -> PathBuf {
        let file = folder.path().join(name).with_extension("wasm");
        std::fs::write(&file, self.bytes).unwrap();
        file
    }
}

/// A module of `functions` functions that multiply a number by others, `seed` the first of them, for some
/// `bytes` each.
pub(crate) fn multiplications(functions: u32, bytes: usize, seed: i64) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64], [ValType::I64]);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    for number in 0..functions {
        declared.function(0);
        let mut function = Function::new([]);
        let mut factor = seed + i64::from(number);
        while function.byte_len() < bytes {
            factor += 2;
            function.instructions().local_get(0).i64_const(factor).i64_mul().local_set(0);
        }
        function.instructions().local_get(0).end();
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module
}
