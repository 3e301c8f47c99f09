//! Categories, and tables of Log Analytics, that are known to say nothing of what anybody did. Source: "Supported resource logs for
//! Azure Monitor", "Azure Monitor Logs table reference", and the Activity log's schema.
//!
//! A category belongs here only if its entries are measurements, the platform's own notices, or what a program prints. Logs of
//! requests, connections, queries and audits do not, though they are large: who asked for what stands in them.

use crate::summary::SetAsideKind;

/// Names in lower case.
const CATEGORIES: [&str; 50] = [
    // Notices of the platform in the Activity log.
    "alert",
    "recommendation",
    "resourcehealth",
    "servicehealth",
    // Measurements.
    "allmetrics",
    "appmetrics",
    "appperformancecounters",
    "blocks",
    "databasewaitstatistics",
    "deadlocks",
    "kubernetesmetrics",
    "networksecuritygrouprulecounter",
    "applicationgatewayperformancelog",
    "querystoreruntimestatistics",
    "querystorewaitstatistics",
    "sqlinsights",
    "timeouts",
    "insightsmetrics",
    "postgresqlflexquerystoreruntime",
    "postgresqlflexquerystorewaitstats",
    "postgresqlflextablestats",
    "postgresqlflexdatabasexacts",
    "partitionkeyruconsumption",
    "partitionkeystatistics",
    // Health of what Azure runs.
    "loadbalancerprobehealthstatus",
    "loadbalanceralertevent",
    "ddosmitigationreports",
    "ddosprotectionnotifications",
    "probehealthstatusevents",
    "routediagnosticlog",
    "tunneldiagnosticlog",
    // What programs print.
    "appavailabilityresults",
    "appbrowsertimings",
    "appexceptions",
    "appserviceapplogs",
    "appserviceconsolelogs",
    "appserviceenvironmentplatformlogs",
    "appserviceplatformlogs",
    "appsystemevents",
    "apptraces",
    "containerappconsolelogs",
    "containerappsystemlogs",
    "functionapplogs",
    "applicationconsole",
    // The parts of a Kubernetes cluster, but for its audit and what decides who somebody is (`guard`).
    "cloud-controller-manager",
    "cluster-autoscaler",
    "csi-snapshot-controller",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];

/// Storage drivers of a Kubernetes cluster: `csi-azuredisk-controller`….
const DRIVER_PREFIX: &str = "csi-azure";

/// What an entry of the category is; `None`: nothing is known of it.
pub(super) fn of(category: &str) -> Option<SetAsideKind> {
    let name = category.to_ascii_lowercase();
    (CATEGORIES.contains(&name.as_str()) || name.starts_with(DRIVER_PREFIX)).then_some(SetAsideKind::NotAudit)
}

/// Tables whose rows say nothing of what anybody did: measurements, what programs write, inventories, and the workspace's own
/// accounts, in lower case.
const TABLES: [&str; 24] = [
    "appavailabilityresults",
    "appbrowsertimings",
    "appexceptions",
    "appmetrics",
    "appperformancecounters",
    "appsystemevents",
    "apptraces",
    "azuremetrics",
    "containerimageinventory",
    "containerinventory",
    "containerlog",
    "containerlogv2",
    "containernodeinventory",
    "functionapplogs",
    "heartbeat",
    "insightsmetrics",
    "kubeevents",
    "kubehealth",
    "kubemonagentevents",
    "kubenodeinventory",
    "kubepodinventory",
    "kubeservices",
    "perf",
    "usage",
];

/// Whether the table of this name, in lower case, is one of those.
pub(super) fn is_table(name: &str) -> bool {
    TABLES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_known_to_hold_no_act() {
        for category in ["ServiceHealth", "AllMetrics", "kube-apiserver", "csi-azurefile-controller", "FunctionAppLogs"] {
            assert!(of(category).is_some(), "{category}");
        }
        for category in [
            "Administrative",
            "kube-audit",
            "guard",
            "SQLSecurityAuditEvents",
            "AppServiceHTTPLogs",
            "MicrosoftGraphActivityLogs",
            "Something",
            "",
        ] {
            assert_eq!(of(category), None, "{category}");
        }
        assert!(CATEGORIES.iter().all(|category| *category == category.to_ascii_lowercase()));
    }
}
