use super::duration::parse_duration;
use super::fields::{Fields, Report};
use crate::{
    Authentication, Connection, MutualAuthentication, OAuth, Text, TlsAuthentication, TokenHeader,
    TokenSource,
};

/// How the adapter of a handler is reached.
pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Option<Connection> {
    let mut fields = spec.fields("connection", report)?;
    let address = fields.required_text("address", report);
    let timeout_nanos = timeout(&mut fields, report);
    let authentication = fields.fields("authentication", report).and_then(|mut fields| {
        let read = authentication(&mut fields, report);
        fields.finish(report);
        read
    });
    fields.finish(report);
    Some(Connection {
        address: address?,
        timeout_nanos,
        authentication: authentication.map(Box::new),
    })
}

fn timeout(fields: &mut Fields<'_>, report: &mut Report) -> Option<u64> {
    let text = fields.text("timeout", report)?;
    let nanos = parse_duration(&text.value).filter(|nanos| *nanos > 0);
    if nanos.is_none() {
        let path = fields.path_of("timeout");
        report.problem(
            text.line,
            format!("`{path}` must be a time such as `10s` or `1.5s`, more than 0"),
        );
    }
    nanos
}

fn authentication(fields: &mut Fields<'_>, report: &mut Report) -> Option<Authentication> {
    let before = report.problems.len();
    let tls = fields.fields("tls", report);
    let mutual = fields.fields("mutual", report);
    match (tls, mutual) {
        (Some(mut tls), None) => {
            let read = tls_authentication(&mut tls, report);
            tls.finish(report);
            read.map(Authentication::Tls)
        }
        (None, Some(mut mutual)) => {
            let read = mutual_authentication(&mut mutual, report);
            mutual.finish(report);
            read.map(Authentication::Mutual)
        }
        (tls, _) => {
            if report.problems.len() == before {
                let both = if tls.is_some() { ", not both" } else { "" };
                let path = fields.own_path();
                report
                    .problem(fields.line(), format!("`{path}` must have `tls` or `mutual`{both}"));
            }
            None
        }
    }
}

fn tls_authentication(fields: &mut Fields<'_>, report: &mut Report) -> Option<TlsAuthentication> {
    let ca_certificates = optional(fields, "caCertificates", report);
    let token_path = optional(fields, "tokenPath", report);
    let oauth = fields.fields("oauth", report);
    let token = match (token_path, oauth) {
        (Some(path), Some(_)) => {
            let message = format!(
                "`{}` and `{}` exclude each other, leave one out",
                fields.path_of("tokenPath"),
                fields.path_of("oauth")
            );
            report.problem(path.line, message);
            None
        }
        (Some(path), None) => Some(TokenSource::File(path)),
        (None, Some(mut oauth)) => {
            let read = oauth_source(&mut oauth, report);
            oauth.finish(report);
            Some(TokenSource::OAuth(read?))
        }
        (None, None) => None,
    };
    let standard = fields.choice("authHeader", &["PLAIN", "BEARER"], report);
    let custom = optional(fields, "customHeader", report);
    let token_header = match (standard, custom) {
        (Some(_), Some(custom)) => {
            let message = format!(
                "`{}` and `{}` exclude each other, leave one out",
                fields.path_of("authHeader"),
                fields.path_of("customHeader")
            );
            report.problem(custom.line, message);
            TokenHeader::Plain
        }
        (_, Some(custom)) => TokenHeader::Custom(custom),
        (Some(1), None) => TokenHeader::Bearer,
        (_, None) => TokenHeader::Plain,
    };
    let server_name = optional(fields, "serverName", report);
    Some(TlsAuthentication { ca_certificates, token, token_header, server_name })
}

fn oauth_source(fields: &mut Fields<'_>, report: &mut Report) -> Option<OAuth> {
    let client_id = fields.required_text("clientId", report);
    let client_secret = fields.required_text("clientSecret", report);
    let token_url = fields.required_text("tokenUrl", report);
    let scopes = fields.texts("scopes", report);
    let endpoint_params = fields.text_map("endpointParams", report);
    Some(OAuth {
        client_id: client_id?,
        client_secret: client_secret?,
        token_url: token_url?,
        scopes,
        endpoint_params,
    })
}

fn mutual_authentication(
    fields: &mut Fields<'_>,
    report: &mut Report,
) -> Option<MutualAuthentication> {
    let private_key = fields.required_text("privateKey", report);
    let client_certificate = fields.required_text("clientCertificate", report);
    let ca_certificates = optional(fields, "caCertificates", report);
    let server_name = optional(fields, "serverName", report);
    Some(MutualAuthentication {
        private_key: private_key?,
        client_certificate: client_certificate?,
        ca_certificates,
        server_name,
    })
}

/// A text that may be left out, or be empty, which is the same.
fn optional(fields: &mut Fields<'_>, name: &'static str, report: &mut Report) -> Option<Text> {
    fields.text(name, report).filter(|text| !text.value.is_empty())
}
