//! What a component consists of, counted before anything of it is compiled.
//!
//! Goal: a file that is small and costs the compiler minutes or gigabytes is refused in the time that it
//! takes to read it. Section headers say how much there is, so nothing is decoded but tables. The limits
//! stand five times and more above the largest adapters known, which bring an interpreter with them: one
//! with Python has 14 modules, 2,400 imports, 4,300 exports, 13,400 functions of up to 427 kB, one with
//! JavaScript 10,000 segments and 7,700 elements of tables. What does not even parse is left to the
//! engine, whose words say where it is wrong.

use std::fmt;

use wasmparser::{Parser, Payload, TableSectionReader};

/// What is limited in a component, that of all modules and components in it together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Modules.
    Modules,
    /// Components within the component.
    Components,
    /// How deep components lie within each other.
    Depth,
    /// Instances of modules and components.
    Instances,
    /// Types of modules and components.
    Types,
    /// Imports of modules and components.
    Imports,
    /// Exports of modules and components.
    Exports,
    /// Names that stand for things elsewhere in the component, and functions adapted from one kind to the other.
    Aliases,
    /// Functions of modules.
    Functions,
    /// Bytes of the largest function.
    FunctionBytes,
    /// Tables.
    Tables,
    /// Elements of all tables at their start.
    TableElements,
    /// Memories.
    Memories,
    /// Global variables and exception tags of modules.
    Globals,
    /// Segments of data and of table elements.
    Segments,
}

/// A component has more of something than is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has {found} {counted}, {limit} are taken at most", limit = counted.limit())]
pub struct Excess {
    /// Of what.
    pub counted: Counted,
    /// How much was found when reading ended.
    pub found: u64,
}

/// What a component consists of, as far as it is limited.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    found: [u64; Counted::ALL.len()],
    /// Bytes of all functions.
    pub(crate) code: u64,
}

impl Counted {
    const ALL: [Self; 15] = [
        Self::Modules,
        Self::Components,
        Self::Depth,
        Self::Instances,
        Self::Types,
        Self::Imports,
        Self::Exports,
        Self::Aliases,
        Self::Functions,
        Self::FunctionBytes,
        Self::Tables,
        Self::TableElements,
        Self::Memories,
        Self::Globals,
        Self::Segments,
    ];

    /// The most of it that a component may have.
    pub const fn limit(self) -> u64 {
        match self {
            Self::Modules | Self::Tables | Self::Memories => 64,
            Self::Components => 500,
            Self::Depth => 8,
            Self::Instances => 2_000,
            Self::Types | Self::Imports | Self::Aliases | Self::Globals => 20_000,
            Self::Exports => 50_000,
            Self::Functions => 200_000,
            Self::FunctionBytes => 2 << 20,
            Self::TableElements | Self::Segments => 100_000,
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Modules => "modules",
            Self::Components => "components within it",
            Self::Depth => "components within each other",
            Self::Instances => "instances",
            Self::Types => "types",
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::Aliases => "aliases and adapted functions",
            Self::Functions => "functions",
            Self::FunctionBytes => "bytes of one function",
            Self::Tables => "tables",
            Self::TableElements => "elements of tables",
            Self::Memories => "memories",
            Self::Globals => "globals",
            Self::Segments => "segments",
        })
    }
}

impl Structure {
    /// Counts until the end, or the first mistake of the file. Costs a fraction of a millisecond for each
    /// MiB.
    ///
    /// # Errors
    /// At the first thing of which there is too much.
    pub(crate) fn read(wasm: &[u8]) -> Result<Self, Excess> {
        let mut structure = Self::default();
        let mut depth = 0_u64;
        for payload in Parser::new(0).parse_all(wasm) {
            let Ok(payload) = payload else { break };
            match &payload {
                Payload::ComponentSection { .. } => {
                    depth += 1;
                    structure.add(Counted::Components, 1)?;
                    structure.raise(Counted::Depth, depth)?;
                }
                // A module is one level as well; its end takes it back.
                Payload::ModuleSection { .. } => {
                    depth += 1;
                    structure.add(Counted::Modules, 1)?;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                other => structure.count(other)?,
            }
        }
        Ok(structure)
    }

    /// How much of it there is.
    pub(crate) fn of(&self, counted: Counted) -> u64 {
        self.found[counted as usize]
    }

    fn count(&mut self, payload: &Payload<'_>) -> Result<(), Excess> {
        use Counted::{
            Aliases, Exports, Functions, Globals, Imports, Instances, Memories, Segments, Types,
        };
        let (counted, count) = match payload {
            Payload::TypeSection(section) => (Types, section.count()),
            Payload::CoreTypeSection(section) => (Types, section.count()),
            Payload::ComponentTypeSection(section) => (Types, section.count()),
            Payload::ImportSection(section) => (Imports, section.count()),
            Payload::ComponentImportSection(section) => (Imports, section.count()),
            Payload::ExportSection(section) => (Exports, section.count()),
            Payload::ComponentExportSection(section) => (Exports, section.count()),
            Payload::FunctionSection(section) => (Functions, section.count()),
            Payload::MemorySection(section) => (Memories, section.count()),
            Payload::GlobalSection(section) => (Globals, section.count()),
            Payload::TagSection(section) => (Globals, section.count()),
            Payload::ElementSection(section) => (Segments, section.count()),
            Payload::DataSection(section) => (Segments, section.count()),
            Payload::InstanceSection(section) => (Instances, section.count()),
            Payload::ComponentInstanceSection(section) => (Instances, section.count()),
            Payload::ComponentAliasSection(section) => (Aliases, section.count()),
            Payload::ComponentCanonicalSection(section) => (Aliases, section.count()),
            Payload::TableSection(section) => return self.tables(section),
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len() as u64;
                self.code += bytes;
                return self.raise(Counted::FunctionBytes, bytes);
            }
            _ => return Ok(()),
        };
        self.add(counted, count.into())
    }

    fn tables(&mut self, section: &TableSectionReader<'_>) -> Result<(), Excess> {
        self.add(Counted::Tables, section.count().into())?;
        let tables = section.clone().into_iter().map_while(Result::ok);
        tables.map(|table| table.ty.initial).try_for_each(|n| self.add(Counted::TableElements, n))
    }

    fn add(&mut self, counted: Counted, more: u64) -> Result<(), Excess> {
        self.raise(counted, self.of(counted).saturating_add(more))
    }

    fn raise(&mut self, counted: Counted, to: u64) -> Result<(), Excess> {
        let found = &mut self.found[counted as usize];
        *found = to.max(*found);
        if *found > counted.limit() {
            return Err(Excess { counted, found: *found });
        }
        Ok(())
    }
}
