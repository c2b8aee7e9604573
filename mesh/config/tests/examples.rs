//! What is shown to users as an example must itself be without mistakes.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_config::{ConfigSet, Referred, Spec, read_files, read_folder};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Follows all references of rules; how many there are.
fn follow_references(set: &ConfigSet) -> usize {
    assert_eq!(set.dangling_references(), []);
    let mut followed = 0;
    for resource in set.resources.values() {
        let Spec::Rule(rule) = &resource.spec else { continue };
        for action in &rule.actions {
            let namespace = &resource.key.namespace;
            set.resolve(&action.handler.value, namespace, Referred::Handler)
                .expect("the handler is there");
            for instance in &action.instances {
                set.resolve(&instance.value, namespace, Referred::Instance)
                    .expect("the instance is there");
                followed += 1;
            }
        }
    }
    followed
}

#[test]
fn the_configuration_of_the_demo_has_no_mistakes_and_its_references_lead_somewhere() {
    let set = read_folder(&examples().join("demo/config")).unwrap();
    assert_eq!(set.problems, []);
    let (types, problems) = set.attribute_types();
    assert!(types.len() > 10 && problems.is_empty(), "{problems:?}");
    assert!(follow_references(&set) > 0);
}

#[test]
fn the_default_configuration_of_istio_and_each_of_its_tasks_have_no_mistakes() {
    let folder = examples().join("istio-1.4");
    let tasks = fs::read_dir(folder.join("tasks")).unwrap();
    let tasks: Vec<_> = tasks.map(|entry| entry.unwrap().path()).collect();
    assert!(tasks.len() >= 10, "{tasks:?}");
    let set = read_files(&[folder.join("config")]);
    assert_eq!(set.problems, []);
    assert_eq!(follow_references(&set), 12);
    let (types, problems) = set.attribute_types();
    assert!(types.len() > 80 && problems.is_empty(), "{problems:?}");
    for task in tasks {
        let with_task = read_files(&[folder.join("config"), task.clone()]);
        assert_eq!(with_task.problems, [], "{}", task.display());
        assert!(with_task.resources.len() > set.resources.len(), "{}", task.display());
        assert!(follow_references(&with_task) > 12, "{}", task.display());
    }
}
