//! Generated from `wit/`, one module for each world. Not for authors: [`crate::export!`] needs them.

#![allow(
    missing_docs,
    unsafe_code,
    unused_qualifications,
    clippy::all,
    reason = "generated code; the WIT files carry the documentation"
)]

pub mod base {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "base",
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
        default_bindings_module: "adapter_sdk::bindings::base",
        generate_unused_types: true,
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod checknothing {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "checknothing-template",
        pub_export_macro: true,
        export_macro_name: "export_checknothing",
        default_bindings_module: "adapter_sdk::bindings::checknothing",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod listentry {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "listentry-template",
        pub_export_macro: true,
        export_macro_name: "export_listentry",
        default_bindings_module: "adapter_sdk::bindings::listentry",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod metric {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "metric-template",
        pub_export_macro: true,
        export_macro_name: "export_metric",
        default_bindings_module: "adapter_sdk::bindings::metric",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod logentry {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "logentry-template",
        pub_export_macro: true,
        export_macro_name: "export_logentry",
        default_bindings_module: "adapter_sdk::bindings::logentry",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod apikey {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "apikey-template",
        pub_export_macro: true,
        export_macro_name: "export_apikey",
        default_bindings_module: "adapter_sdk::bindings::apikey",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod authorization {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "authorization-template",
        pub_export_macro: true,
        export_macro_name: "export_authorization",
        default_bindings_module: "adapter_sdk::bindings::authorization",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod keyval {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "keyval-template",
        pub_export_macro: true,
        export_macro_name: "export_keyval",
        default_bindings_module: "adapter_sdk::bindings::keyval",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod quota {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "quota-template",
        pub_export_macro: true,
        export_macro_name: "export_quota",
        default_bindings_module: "adapter_sdk::bindings::quota",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod kubernetes {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "kubernetes-template",
        pub_export_macro: true,
        export_macro_name: "export_kubernetes",
        default_bindings_module: "adapter_sdk::bindings::kubernetes",
        additional_derives: [PartialEq, Eq, Default],
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod reportnothing {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "reportnothing-template",
        pub_export_macro: true,
        export_macro_name: "export_reportnothing",
        default_bindings_module: "adapter_sdk::bindings::reportnothing",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod tracespan {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "tracespan-template",
        pub_export_macro: true,
        export_macro_name: "export_tracespan",
        default_bindings_module: "adapter_sdk::bindings::tracespan",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod edge {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "edge-template",
        pub_export_macro: true,
        export_macro_name: "export_edge",
        default_bindings_module: "adapter_sdk::bindings::edge",
        with: { "mixmesh:adapter/types@0.1.0": crate::bindings::base::mixmesh::adapter::types },
    });
}

pub mod conversation {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "outbound-conversation",
        pub_export_macro: true,
        export_macro_name: "export_conversation",
        default_bindings_module: "adapter_sdk::bindings::conversation",
        additional_derives: [PartialEq, Eq, Default],
    });
}
