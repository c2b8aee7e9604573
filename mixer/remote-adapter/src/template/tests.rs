use super::*;

#[test]
fn every_template_of_istio_is_built_in() {
    for template in mesh_config::CompiledTemplate::ALL {
        let built_in = RemoteTemplate::built_in(template.name()).unwrap();
        let names: Vec<&str> = built_in.outputs().iter().map(|(name, _)| name.as_str()).collect();
        for (output, _) in template.outputs() {
            assert!(names.contains(output), "{output} of {template:?}");
        }
        for field in template.schema() {
            let path = match field.kind {
                mesh_config::FieldKind::Scalar(_) => field.name.to_owned(),
                mesh_config::FieldKind::Map(_) => format!("{}.some.key", field.name),
            };
            let expected = built_in.expected(&path).unwrap_or_else(|mistake| panic!("{mistake}"));
            let wanted = match field.kind {
                mesh_config::FieldKind::Scalar(wanted) | mesh_config::FieldKind::Map(wanted) => {
                    wanted
                }
            };
            let wanted = wanted.map_or(Expected::Any, Expected::One);
            assert_eq!(expected, wanted, "{path} of {template:?}");
        }
    }
}

#[test]
fn options_count_also_where_nobody_declares_them() {
    use prost_types::{
        DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    };
    use prost_types::{MethodDescriptorProto, ServiceDescriptorProto};
    let message = |name: &str, field: Option<&str>| DescriptorProto {
        name: Some(name.to_owned()),
        field: field
            .map(|field| FieldDescriptorProto {
                name: Some(field.to_owned()),
                number: Some(1),
                label: Some(1),
                r#type: Some(11),
                type_name: Some(".x.InstanceMsg".to_owned()),
                ..Default::default()
            })
            .into_iter()
            .collect(),
        ..Default::default()
    };
    let method = MethodDescriptorProto {
        name: Some("HandleX".to_owned()),
        input_type: Some(".x.HandleXRequest".to_owned()),
        output_type: Some(".x.InstanceMsg".to_owned()),
        ..Default::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("HandleXService".to_owned()),
        method: vec![method],
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("x.proto".to_owned()),
        package: Some("x".to_owned()),
        message_type: vec![
            message("InstanceMsg", None),
            message("HandleXRequest", Some("instance")),
        ],
        service: vec![service],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    let mut file = file.encode_to_vec();
    // options { 72295727: 0, 72295888: "x" }
    let mut options = Vec::new();
    crate::encode::varint(72_295_727, 0, &mut options);
    crate::encode::bytes(72_295_888, b"x", &mut options);
    crate::encode::bytes(8, &options, &mut file);
    let mut set = FileDescriptorSet::default().encode_to_vec();
    crate::encode::bytes(1, &file, &mut set);
    let template = RemoteTemplate::parse(&set).unwrap();
    assert_eq!((template.name(), template.variety()), ("x", Variety::Check));
    assert_eq!(template.path, "/x.HandleXService/HandleX");
}
