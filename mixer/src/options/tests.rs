use std::fmt::Write as _;
use std::fs;

use clap::{CommandFactory, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// The options of `mixer serve ARGUMENTS`, where `@` is a file with `text`.
fn parse(arguments: &[&str], text: &str) -> Result<Options, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("options.yaml");
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let line = ["mixer", "serve"].into_iter().chain(arguments.iter().copied());
    let line = line.map(|argument| argument.replace('@', &file).into()).collect();
    let all = serve_arguments(line).map_err(|cause| cause.to_string().replace(&file, "@"))?;
    let line = Line::try_parse_from(all.into_iter().skip(1)).map_err(|cause| cause.to_string())?;
    Ok(line.options)
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let file = "grpc: 127.0.0.1:1\nconfig: /etc/mesh\nlog-format: json\nworker-threads: 3\n";
    let options = parse(&["--grpc", "127.0.0.1:2", "--options", "@"], file).unwrap();
    assert_eq!(options.grpc.to_string(), "127.0.0.1:2");
    assert_eq!(options.config, SourceLocation::Folder("/etc/mesh".into()));
    assert_eq!(options.log_format, LogFormat::Json);
    assert_eq!(options.threads(), 3);
    assert_eq!(options.drain_timeout, Duration::from_secs(10));
    assert_eq!(options.http.to_string(), "127.0.0.1:9093");
    assert_eq!(parse(&["--options=@"], file).unwrap().grpc.to_string(), "127.0.0.1:1");
}

#[test]
fn every_mistake_of_the_file_is_told_with_its_line_and_the_nearest_name() {
    let file = "config: /etc/mesh\nmax-mesage-bytes: 5\ngrpc: here\nconfigStoreURL: fs:///x\n\
                drain-timeout: 5\noptions: other.yaml\nhttp: 127.0.0.1:1\nmax-connections: 0\n";
    let told = parse(&["--options", "@"], file).unwrap_err();
    for expected in [
        "@:2: max-mesage-bytes: no such option; did you mean max-message-bytes?",
        "@:3: grpc: ",
        "@:4: configStoreURL is a flag of Istio's Mixer: use --config",
        "@:5: drain-timeout: ",
        "such as 500ms, 10s or 2m",
        "@:6: options: a file of options cannot name another",
        "@:8: max-connections: ",
    ] {
        assert!(told.contains(expected), "{expected} in\n{told}");
    }
    assert_eq!(told.lines().count(), 6, "{told}");
    let twice = parse(&["--options", "@"], "spans: [otlp=http://a, otlp=http://b]\n").unwrap_err();
    assert!(twice.contains("has a value in line 1 already"), "{twice}");
}

#[test]
fn a_file_that_is_not_there_or_no_yaml_is_named() {
    let told = parse(&["--options", "/nowhere/options.yaml"], "").unwrap_err();
    assert!(told.contains("options file /nowhere/options.yaml: "), "{told}");
    let told = parse(&["--options", "@"], "config /etc\n").unwrap_err();
    assert!(told.starts_with("@:1: "), "{told}");
}

#[test]
fn flags_of_istio_that_are_gone_say_what_to_write_instead() {
    let told =
        parse(&["--configStoreURL=fs:///x", "--singleThreaded", "--config", "x"], "").unwrap_err();
    assert!(told.contains("--configStoreURL is a flag of Istio's Mixer: use --config"), "{told}");
    assert!(told.contains("--singleThreaded is a flag of Istio's Mixer: use --worker-threads 1"));
}

#[test]
fn a_unix_socket_is_an_address_to_listen_at() {
    for (text, is) in [
        ("unix:///run/mixer.sock", Some(ListenAddress::Unix("/run/mixer.sock".into()))),
        ("tcp://127.0.0.1:9091", Some(ListenAddress::Tcp(([127, 0, 0, 1], 9091).into()))),
        ("[::1]:9091", "[::1]:9091".parse().ok().map(ListenAddress::Tcp)),
        ("unix://run/mixer.sock", None),
        ("unix:///", None),
        ("localhost:9091", None),
        ("9091", None),
    ] {
        assert_eq!(text.parse::<ListenAddress>().ok(), is, "{text}");
    }
}

#[test]
fn a_rate_without_a_burst_lets_a_second_of_it_pass_at_once() {
    let options = parse(&["--config", "x", "--max-requests-per-second", "50"], "").unwrap();
    let rate = options.shedding().rate.unwrap();
    assert_eq!((rate.per_second.get(), rate.burst.get()), (50, 50));
    assert!(parse(&["--config", "x"], "").unwrap().shedding().rate.is_none());
}

#[test]
fn every_option_is_documented_with_its_default() {
    let command = Line::command();
    let mut undocumented = String::new();
    for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        if help.len() < 20 {
            let _infallible = writeln!(undocumented, "{}", arg.get_id());
        }
    }
    assert_eq!(undocumented, "");
}
