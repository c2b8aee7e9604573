use anyhow::{Context, Result};

/// Users and pages that requests are made of.
pub(super) const USERS: u64 = 100;
pub(super) const PAGES: u64 = 10;

/// One version of the policy: users whose name ends in one digit and pages that begin with another are
/// refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    number: u64,
    user_ending: String,
    page_beginning: String,
}

impl Policy {
    /// Version `number`, which differs from the ones beside it for most requests.
    pub(super) fn numbered(number: u64) -> Self {
        Self {
            number,
            // A text like "0" alone would be a duration to the expression language.
            user_ending: format!("{}x", number % 10),
            page_beginning: format!("/page/{}", number.wrapping_mul(7) % PAGES),
        }
    }

    /// The configuration that says so.
    pub(super) fn yaml(&self) -> String {
        let Self { number, user_ending, page_beginning } = self;
        format!(
            r#"apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: {{ name: deny, namespace: default }}
spec:
  compiledAdapter: denier
  params:
    status: {{ code: 7, message: policy {number} }}
    validDuration: 30s
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: {{ name: nothing, namespace: default }}
spec: {{ compiledTemplate: checknothing }}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: deny, namespace: default }}
spec:
  match: (request.headers["x-user"] | "").endsWith("{user_ending}") || request.path.startsWith("{page_beginning}")
  actions: [ {{ handler: deny, instances: [ nothing ] }} ]
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: {{ name: number, namespace: default }}
spec:
  responseHeaderOperations:
  - {{ name: x-policy, values: [ '"{number}"' ], operation: REPLACE }}
"#
        )
    }

    /// Reads the configuration again, with code that has nothing in common with Mixer's.
    ///
    /// # Errors
    /// When it is not one that [`Self::yaml`] wrote.
    pub(super) fn from_yaml(yaml: &str) -> Result<Self> {
        let between = |before: &str, after: &str| -> Result<String> {
            let rest = yaml.split_once(before).with_context(|| format!("no `{before}`"))?.1;
            Ok(rest.split_once(after).with_context(|| format!("no `{after}`"))?.0.to_owned())
        };
        Ok(Self {
            number: between("message: policy ", " }")?.parse()?,
            user_ending: between("endsWith(\"", "\"")?,
            page_beginning: between("startsWith(\"", "\"")?,
        })
    }

    /// Whether a request may pass.
    pub(super) fn allows(&self, user: &str, page: &str) -> bool {
        !user.ends_with(&self.user_ending) && !page.starts_with(&self.page_beginning)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_was_written() {
        for number in [1, 7, 10, 12345] {
            let policy = Policy::numbered(number);
            assert_eq!(Policy::from_yaml(&policy.yaml()).unwrap(), policy);
        }
    }

    #[test]
    fn a_version_refuses_by_user_and_by_page() {
        let policy = Policy::numbered(3);
        assert!(policy.allows("user-4x", "/page/2"));
        assert!(!policy.allows("user-13x", "/page/2"));
        assert!(!policy.allows("user-4x", "/page/1"));
    }
}
