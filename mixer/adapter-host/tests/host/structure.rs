//! Components of absurd structure: all of them are refused before they cost anything, by what there is
//! too much of.

use adapter_host::{AdapterHost, Counted, HostError, HostOptions};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, ImportSection, MemorySection, MemoryType, Module,
    RefType, StartSection, TableSection, TableType, TypeSection,
};

use crate::crafted::Crafted;
use crate::fixture::{host, options};

/// A module of `functions` functions that do nothing.
fn idle(functions: u32) -> Module {
    let (mut types, mut declared) = (TypeSection::new(), FunctionSection::new());
    types.ty().function([], []);
    for _ in 0..functions {
        declared.function(0);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared);
    module
}

fn code(functions: u32) -> CodeSection {
    let mut code = CodeSection::new();
    let mut function = Function::new([]);
    function.instructions().end();
    for _ in 0..functions {
        code.function(&function);
    }
    code
}

fn table(minimum: u64) -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum,
        maximum: None,
        shared: false,
    }
}

fn memory(pages: u64) -> MemorySection {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: pages,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    memories
}

fn exports(count: u32) -> Module {
    let mut exports = ExportSection::new();
    for number in 0..count {
        exports.export(&format!("e{number}"), ExportKind::Func, 0);
    }
    let mut module = idle(1);
    module.section(&exports).section(&code(1));
    module
}

fn imports(count: u32) -> Module {
    let mut imports = ImportSection::new();
    for number in 0..count {
        imports.import("m", &number.to_string(), EntityType::Function(0));
    }
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut module = Module::new();
    module.section(&types).section(&imports);
    module
}

fn types(count: u32) -> Module {
    let mut types = TypeSection::new();
    (0..count).for_each(|_| types.ty().function([], []));
    let mut module = Module::new();
    module.section(&types);
    module
}

fn functions(count: u32) -> Module {
    let mut module = idle(count);
    module.section(&code(count));
    module
}

fn one_function(bytes: usize) -> Module {
    let mut function = Function::new([]);
    function.raw(std::iter::repeat_n(1, bytes));
    function.instructions().end();
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = idle(1);
    module.section(&code);
    module
}

fn tables(sizes: &[u64]) -> Module {
    let mut tables = TableSection::new();
    for size in sizes {
        tables.table(table(*size));
    }
    let mut module = Module::new();
    module.section(&tables);
    module
}

fn segments(count: u32) -> Module {
    let mut elements = ElementSection::new();
    for _ in 0..count {
        elements.passive(Elements::Functions([0].as_slice().into()));
    }
    let mut module = idle(1);
    module.section(&elements).section(&code(1));
    module
}

/// Needs a file of this many bytes and something to copy them to.
fn data(bytes: usize, with_memory: bool) -> Module {
    let (mut module, mut data) = (Module::new(), DataSection::new());
    let content = std::iter::repeat_n(7, bytes);
    if with_memory {
        module.section(&memory(bytes as u64 / (64 << 10) + 1));
        data.active(0, &ConstExpr::i32_const(0), content);
    } else {
        data.passive(content);
    }
    module.section(&data);
    module
}

/// Grows its table by so many elements when an instance is made, and crashes if it may not.
fn growing(elements: i32) -> Module {
    let (mut tables, mut code) = (TableSection::new(), CodeSection::new());
    tables.table(table(1));
    let mut function = Function::new([]);
    let mut grow = function.instructions();
    grow.ref_null(wasm_encoder::HeapType::FUNC).i32_const(elements).table_grow(0);
    grow.i32_const(-1).i32_eq().if_(wasm_encoder::BlockType::Empty).unreachable().end().end();
    code.function(&function);
    let mut module = idle(1);
    module.section(&tables).section(&StartSection { function_index: 0 }).section(&code);
    module
}

fn refused(crafted: Crafted) -> HostError {
    let folder = tempfile::tempdir().unwrap();
    host().load("odd", &crafted.write(&folder, "odd")).unwrap_err()
}

#[test]
fn too_much_of_anything_is_refused_by_its_name_and_limit() {
    use Counted::{
        Components, Depth, Exports, FunctionBytes, Functions, Imports, Modules, Segments,
        TableElements, Tables, Types,
    };
    let many = |count: usize, add: fn(Crafted) -> Crafted| {
        (0..count).fold(Crafted::from("denier"), |crafted, _| add(crafted))
    };
    let denier_and = |module: Module| Crafted::from("denier").with_module(&module);
    let cases = [
        (Exports, denier_and(exports(60_000))),
        (Imports, denier_and(imports(30_000))),
        (Types, denier_and(types(30_000))),
        (Functions, denier_and(functions(250_000))),
        (FunctionBytes, denier_and(one_function(3 << 20))),
        (Tables, denier_and(tables(&[1; 70]))),
        (TableElements, denier_and(tables(&[60_000, 60_000]))),
        (TableElements, denier_and(tables(&[u64::from(u32::MAX)]))),
        (Segments, denier_and(segments(150_000))),
        (Modules, many(70, |crafted| crafted.with_module(&Module::new()))),
        (Components, many(600, |crafted| crafted.with_nested(1))),
        (Depth, Crafted::from("denier").with_nested(20)),
    ];
    for (counted, crafted) in cases {
        let error = refused(crafted);
        let HostError::Structure { excess, .. } = &error else { panic!("{counted}: {error}") };
        assert_eq!(excess.counted, counted, "{error}");
        let (text, limit) = (error.to_string(), counted.limit().to_string());
        assert!(text.contains(&limit) && text.contains("adapter odd"), "{text}");
    }
}

#[test]
fn a_component_that_grows_its_table_is_held_to_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let with = |elements: i32, name: &str| {
        let crafted = Crafted::from("testing/excess").with_module(&growing(elements));
        host().load(name, &crafted.with_instance_of(1).write(&folder, name))
    };
    with(1_000, "modest").unwrap();
    for (elements, name) in [(60_000, "greedy"), (i32::MAX, "mad")] {
        let error = with(elements, name).unwrap_err();
        assert!(matches!(error, HostError::Describe { .. }), "{error}");
        assert!(error.to_string().contains("more than 50000 elements in its tables"), "{error}");
    }
}

#[test]
fn huge_data_costs_its_bytes_and_no_memory_that_nobody_granted() {
    let folder = tempfile::tempdir().unwrap();
    let idle = Crafted::from("denier").with_module(&data(16 << 20, false));
    host().load("idle", &idle.write(&folder, "idle")).unwrap();
    let second_memory = Crafted::from("denier").with_module(&data(16 << 20, true));
    let error = refused(second_memory.with_instance_of(3));
    assert!(matches!(error, HostError::Compile { .. }), "{error}");
    let small = HostOptions { max_component: 8 << 20, ..options() };
    let large = Crafted::from("denier").with_module(&data(16 << 20, false));
    let error = AdapterHost::new(small).unwrap().load("large", &large.write(&folder, "large"));
    assert!(matches!(error, Err(HostError::ComponentTooLarge { .. })), "{error:?}");
}
