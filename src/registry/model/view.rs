//! A view that a document gives. Plain data.

use serde::{Deserialize, Serialize};

/// StackQL's name for a view where methods are listed.
pub const VIEW_METHOD: &str = "__view__";

/// A SELECT over other tables that stands for a table's rows (`config.views.select`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Names that a statement must give a value, in the document's spelling (`requiredParams == [ Identifier ]`).
    pub needs: Vec<String>,
    /// The SELECT, in SQLite's words.
    pub sql: String,
}
