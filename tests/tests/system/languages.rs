//! Adapters in all languages: our examples serve a mesh, and those that misbehave harm nobody.

use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, ensure};
use testbed::{ExampleAdapter, Layout, Mesh, Part, TestMesh, build_adapter, wait_until};

use crate::require_part;

/// Names of adapters that are ours, under which those of a test go.
const PLACES: [(&str, &str); 4] =
    [("listchecker", "list"), ("denier", "denier"), ("noop", "noop"), ("stdio", "stdio")];
