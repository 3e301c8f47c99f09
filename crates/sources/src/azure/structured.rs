//! The members of Azure's records that are structures.

use crate::names::Names;

/// Members that are objects or arrays in Azure's own form, in lower case: of the record, and of one another.
pub(super) static STRUCTURED: Names = Names::new(&[
    "actor",
    "additionaldetails",
    "app",
    "appliedconditionalaccesspolicies",
    "authenticationdetails",
    "authenticationprocessingdetails",
    "authorization",
    "authorization_d",
    "authorizationdetails",
    "callerinfo",
    "claim",
    "claims",
    "claims_d",
    "conditionalaccesspolicies",
    "devicedetail",
    "eventproperties",
    "evidence",
    "httprequest",
    "identity",
    "initiatedby",
    "locationdetails",
    "mfadetail",
    "modifiedproperties",
    "principals",
    "properties",
    "properties_d",
    "requester",
    "sourceidentity",
    "status",
    "statusinfo",
    "substatus",
    "targetidentity",
    "targetresources",
    "targets",
    "user",
]);

/// Whether a member is a structure, wherever it stands.
pub(super) fn is_structured(name: &str, is_outermost: bool) -> bool {
    // The entry that Azure Monitor carries for a cluster; outermost it is a collector's envelope.
    STRUCTURED.contains(name) || (name == "log" && !is_outermost)
}
