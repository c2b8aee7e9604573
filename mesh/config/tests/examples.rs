//! What is shown to users as an example must itself be without mistakes.

use std::path::Path;

use mesh_config::{Referred, Spec, read_folder};

#[test]
fn the_configuration_of_the_demo_has_no_mistakes_and_its_references_lead_somewhere() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let set = read_folder(&examples.join("demo/config")).unwrap();
    assert_eq!(set.problems, []);
    let (types, problems) = set.attribute_types();
    assert!(types.len() > 10 && problems.is_empty(), "{problems:?}");
    let mut followed = 0;
    for resource in set.resources.values() {
        let Spec::Rule(rule) = &resource.spec else { continue };
        for action in &rule.actions {
            let namespace = &resource.key.namespace;
            set.resolve(&action.handler.value, namespace, Referred::Handler).unwrap();
            for instance in &action.instances {
                set.resolve(&instance.value, namespace, Referred::Instance).unwrap();
                followed += 1;
            }
        }
    }
    assert!(followed > 0);
}
