//! The union that `->` yields, as text: files cannot hold an Arrow union. Owns where in a plan that is done.
//! Knows no format.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Column, DataFusionError, Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, DdlStatement, Expr, LogicalPlan, LogicalPlanBuilder, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion_functions_json::JsonUnionEncoder;

use super::values::{NESTED, is_union, json_field, union_text};
use crate::plan::errors::unwrap;

/// The plan with text in place of JSON unions in what it yields, or writes, or keeps. Names of columns stay. Strings
/// are bare, all else is JSON; the field says so (`nested`).
///
/// # Errors
/// When the engine does not take the plan back.
pub fn without_unions(plan: LogicalPlan) -> crate::error::Result<LogicalPlan> {
    rewritten(plan).map_err(unwrap)
}

fn rewritten(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    match plan {
        LogicalPlan::Copy(mut copy) => {
            copy.input = below(&copy.input)?;
            Ok(LogicalPlan::Copy(copy))
        }
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(mut table)) => {
            table.input = below(&table.input)?;
            Ok(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)))
        }
        LogicalPlan::Ddl(DdlStatement::CreateView(mut view)) => {
            view.input = below(&view.input)?;
            Ok(LogicalPlan::Ddl(DdlStatement::CreateView(view)))
        }
        LogicalPlan::Ddl(_) | LogicalPlan::Statement(_) | LogicalPlan::Dml(_) => Ok(plan),
        LogicalPlan::Explain(mut explain) => {
            explain.plan = below(&explain.plan)?;
            Ok(LogicalPlan::Explain(explain))
        }
        LogicalPlan::Analyze(mut analyze) => {
            analyze.input = below(&analyze.input)?;
            Ok(LogicalPlan::Analyze(analyze))
        }
        query => texts(query),
    }
}

fn below(input: &Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>, DataFusionError> {
    Ok(Arc::new(rewritten(input.as_ref().clone())?))
}

/// A projection over `plan` that makes its unions text; `plan` itself where it has none.
fn texts(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    if !plan.schema().fields().iter().any(|field| is_union(field.data_type())) {
        return Ok(plan);
    }
    let function =
        Arc::new(ScalarUDF::new_from_impl(UnionText { signature: Signature::any(1, Volatility::Immutable) }));
    let columns = plan.schema().iter().map(|(qualifier, field)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if is_union(field.data_type()) {
            function.call(vec![column]).alias_qualified(qualifier.cloned(), field.name())
        } else {
            column
        }
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// A JSON union as text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct UnionText {
    signature: Signature,
}

impl ScalarUDFImpl for UnionText {
    fn name(&self) -> &'static str {
        "json_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(json_field(self.name(), NESTED))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = args.args.first() else { return internal_err!("json_text needs a value") };
        let array = value.to_array(args.number_rows)?;
        let Some(union) = array.as_union_opt().cloned().and_then(JsonUnionEncoder::from_union) else {
            return internal_err!("json_text was given {}", array.data_type());
        };
        let texts: StringViewArray = (0..array.len()).map(|row| union_text(union.get_value(row))).collect();
        Ok(ColumnarValue::Array(Arc::new(texts) as ArrayRef))
    }
}
