//! What the operation of a request is called, and what kind of action it is.

use std::borrow::Cow;

use auditlake_event::Category;

/// The name of a request that states neither operation nor method: its log message, in short.
const UNNAMED: &str = "http_call";

/// What a request did: its operation, folded; of one that states none (lines of the S3 gateway of older servers) its method,
/// `http_put`.
pub(super) fn action<'r>(operation: Option<&'r str>, method: Option<&str>) -> Cow<'r, str> {
    match (operation, method) {
        (Some(operation), _) => folded(operation),
        (None, Some(method)) => Cow::Owned(format!("http_{}", method.to_lowercase())),
        (None, None) => Cow::Borrowed(UNNAMED),
    }
}

/// The operation in snake case. lakeFS writes the REST API's in camel case (`CreateCommitRecord` with a capital), the S3
/// gateway's in snake case; folded, `getObject` and `get_object` are one action. A run of capitals is one word.
fn folded(operation: &str) -> Cow<'_, str> {
    if !operation.chars().any(char::is_uppercase) {
        return Cow::Borrowed(operation);
    }
    let mut out = String::with_capacity(operation.len() + 8);
    let mut characters = operation.chars().peekable();
    let mut before = None::<char>;
    while let Some(character) = characters.next() {
        let begins_word = character.is_uppercase()
            && before.is_some_and(|before| {
                let ends_run = before.is_uppercase() && characters.peek().is_some_and(|next| next.is_lowercase());
                before.is_lowercase() || before.is_numeric() || ends_run
            });
        if begins_word {
            out.push('_');
        }
        out.extend(character.to_lowercase());
        before = Some(character);
    }
    Cow::Owned(out)
}

/// The categories of the operations in lakeFS's API description (`api/swagger.yml`) and of its S3 gateway, folded. What
/// stands nowhere is other: it looks at something that is no data (users, settings, repositories as a whole, the server's
/// state), is upkeep (the preparation of a garbage collection, statistics), or no operation at all (`unsupported`).
#[rustfmt::skip]
const CATEGORIES: [(Category, &[&str]); 7] = [
    (Category::Authentication, &["external_principal_login", "login", "oauth_callback", "sts_login"]),
    (Category::UserManagement, &[
        "create_credentials", "create_user", "create_user_external_principal", "delete_credentials", "delete_user",
        "delete_user_external_principal",
    ]),
    (Category::GroupManagement, &["add_group_membership", "create_group", "delete_group", "delete_group_membership"]),
    // lakeFS has policies where others have roles: what a user or a group may do.
    (Category::RoleManagement, &[
        "attach_policy_to_group", "attach_policy_to_user", "create_policy", "delete_policy", "detach_policy_from_group",
        "detach_policy_from_user", "set_group_acl", "update_policy",
    ]),
    (Category::PermissionCheck, &[
        "create_branch_protection_rule_preflight", "set_garbage_collection_rules_preflight", "upload_object_preflight",
    ]),
    (Category::Configuration, &[
        "create_repository", "delete_gc_rules", "delete_repository", "delete_repository_metadata",
        "internal_create_branch_protection_rule", "internal_delete_branch_protection_rule",
        "internal_delete_garbage_collection_rules", "internal_set_garbage_collection_rules", "put_bucket", "restore_refs",
        "restore_submit", "set_branch_protection_rules", "set_gc_rules", "set_repository_metadata", "setup",
        "setup_comm_prefs",
    ]),
    // Objects, and the versions of them: commits, branches, tags, merges, pull requests.
    (Category::DataAccess, &[
        "abort_presign_multipart_upload", "cherry_pick", "commit", "complete_presign_multipart_upload", "copy_object",
        "create_branch", "create_commit_record", "create_presign_multipart_upload", "create_pull_request",
        "create_symlink_file", "create_tag", "delete_branch", "delete_object", "delete_objects", "delete_tag", "diff_branch",
        "diff_refs", "dump_refs", "dump_submit", "find_merge_base", "get_branch", "get_commit", "get_meta_range",
        "get_metadata_object", "get_object", "get_physical_address", "get_pull_request", "get_range", "get_tag",
        "get_underlying_properties", "hard_reset_branch", "head_object", "import_cancel", "import_start", "import_status",
        "link_physical_address", "list_branches", "list_objects", "list_pull_requests", "list_tags", "log_commits",
        "merge_into_branch", "merge_pull_request", "post_object", "put_object", "reset_branch", "revert_branch",
        "stage_object", "stat_object", "update_object_user_metadata", "update_pull_request", "upload_object", "upload_part",
        "upload_part_copy",
    ]),
];

/// The category of a folded operation. One that the table does not know is data access if it speaks of objects.
pub(super) fn category(action: &str) -> Category {
    let known = CATEGORIES.iter().find(|(_, actions)| actions.binary_search(&action).is_ok());
    match known {
        Some((category, _)) => *category,
        None if action.split('_').any(|word| matches!(word, "object" | "objects")) => Category::DataAccess,
        None => Category::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_to_snake_case() {
        for (operation, expected) in [
            ("getObject", "get_object"),
            ("CreateCommitRecord", "create_commit_record"),
            ("setGroupACL", "set_group_acl"),
            ("getGCRules", "get_gc_rules"),
            ("getLakeFSVersion", "get_lake_fs_version"),
            ("list_objects", "list_objects"),
            ("login", "login"),
            ("sha256Sum", "sha256_sum"),
        ] {
            assert_eq!(folded(operation), expected);
        }
    }

    #[test]
    fn a_request_without_an_operation_is_called_by_its_method() {
        assert_eq!(action(Some("getObject"), Some("GET")), "get_object");
        assert_eq!(action(None, Some("PUT")), "http_put");
        assert_eq!(action(None, None), "http_call");
    }

    #[test]
    fn the_table_is_sorted_and_names_nothing_twice() {
        let mut every: Vec<&str> = Vec::new();
        for (category, actions) in CATEGORIES {
            assert!(actions.is_sorted(), "{category}");
            every.extend(actions);
        }
        let count = every.len();
        every.sort_unstable();
        every.dedup();
        assert_eq!(every.len(), count);
    }

    #[test]
    fn unknown_operations_are_judged_by_their_words() {
        assert_eq!(category("copy_objects_quickly"), Category::DataAccess);
        assert_eq!(category("get_metrics"), Category::Other);
        assert_eq!(category("objection"), Category::Other);
    }
}
