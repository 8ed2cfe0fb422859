//! Which plans go to a cluster, and how they travel.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, FileSource as _, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties as _};
use datafusion::prelude::SessionConfig;
use datafusion_proto::physical_plan::AsExecutionPlan as _;
use datafusion_proto::protobuf::PhysicalPlanNode;

use super::trust::Trust;
use super::{MADE_FOR_ONE_PROCESS, config};

/// One row in so many is read where rows are looked up by an id that files are sorted by within a month.
const LOOKED_UP_SHARE: u64 = 100;

/// About how many rows a plan reads from the lake's files.
pub(super) fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let mut n_rows = 0;
    // The closure gives no error.
    let _ = plan.apply(|node| {
        if let Some(scan) = node.downcast_ref::<DataSourceExec>()
            && let Some(files) = scan.data_source().downcast_ref::<FileScanConfig>()
        {
            let read = files.file_groups.iter().flat_map(|group| group.files()).map(rows_of).sum::<u64>();
            n_rows += if is_look_up(files) { read / LOOKED_UP_SHARE } else { read };
        }
        Ok(TreeNodeRecursion::Continue)
    });
    n_rows
}

/// The rows of a file, or of the part of it that is read.
fn rows_of(file: &PartitionedFile) -> u64 {
    let all = file.statistics.as_ref().and_then(|found| found.num_rows.get_value().copied()).unwrap_or_default() as u64;
    match &file.range {
        Some(range) if file.object_meta.size > 0 => {
            let share = (range.end - range.start).max(0) as f64 / file.object_meta.size as f64;
            (all as f64 * share) as u64
        }
        _ => all,
    }
}

fn is_look_up(files: &FileScanConfig) -> bool {
    let source = files.file_source();
    let Some(filter) = source.downcast_ref::<ParquetSource>().and_then(|source| source.filter()) else { return false };
    let mut is_found = false;
    let _ = filter.apply(|part: &Arc<dyn PhysicalExpr>| {
        let column = match (part.downcast_ref::<BinaryExpr>(), part.downcast_ref::<InListExpr>()) {
            (Some(compared), _) if *compared.op() == datafusion::logical_expr::Operator::Eq => Some(compared.left()),
            (_, Some(listed)) if !listed.negated() => Some(listed.expr()),
            _ => None,
        };
        is_found |=
            column.and_then(|column| column.downcast_ref::<Column>()).is_some_and(|c| c.name().ends_with("_id"));
        Ok(TreeNodeRecursion::Continue)
    });
    is_found
}

/// Whether a statement is a question about tables, and not about the session or a plan.
pub(super) fn is_question(plan: &LogicalPlan) -> bool {
    !matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_) | LogicalPlan::Statement(_)
    )
}

/// The same question planned for a cluster: exchanges where stages are cut, and nothing that only one process can do.
///
/// Where a join's smaller side is sent to all tasks although each row of it may be given only once, Ballista 55 makes of
/// it a join in parts, and forgets that what comes next was planned for its rows in one: such a question is planned
/// again, with all joins in parts from the start.
///
/// # Errors
/// What the engine says.
pub(super) async fn for_cluster(
    state: SessionState,
    question: &LogicalPlan,
    n_partitions: usize,
    trust: &Trust,
) -> datafusion::error::Result<(SessionState, Arc<dyn ExecutionPlan>)> {
    let settings = config(n_partitions, trust)
        // A new one would take the place of the tables in the catalogue that both states share.
        .with_create_default_catalog_and_schema(false);
    let planned = |state: SessionState, settings: SessionConfig| async move {
        let state = SessionStateBuilder::new_from_existing(state).with_config(settings).build();
        let plan = state.create_physical_plan(question).await?;
        Ok::<_, datafusion::error::DataFusionError>((state, plan))
    };
    let (there, plan) = planned(state.clone(), settings.clone()).await?;
    if !has(&plan, is_undone_join) {
        return Ok((there, for_tasks(plan)?));
    }
    let mut settings = settings;
    settings.options_mut().optimizer.hash_join_single_partition_threshold = 0;
    settings.options_mut().optimizer.hash_join_single_partition_threshold_rows = 0;
    let (there, plan) = planned(state, settings).await?;
    Ok((there, for_tasks(plan)?))
}

fn for_tasks(plan: Arc<dyn ExecutionPlan>) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    with_whole_orders(without_ranges(plan)?)
}

/// Scans that no longer say where each thread's run of files ends: the plan is made of that by now, and a task reads some of the
/// runs only, which would not be what the scan says of itself.
fn without_ranges(plan: Arc<dyn ExecutionPlan>) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let done = plan.transform_up(|node| {
        let files = node
            .downcast_ref::<DataSourceExec>()
            .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>())
            .filter(|files| files.output_partitioning.is_some());
        let Some(files) = files else { return Ok(Transformed::no(node)) };
        let files = FileScanConfigBuilder::from(files.clone()).with_output_partitioning(None).build();
        Ok(Transformed::yes(DataSourceExec::from_data_source(files) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(done.data)
}

/// Sorts by what windows are cut by even where that is the same in all rows. The engine leaves it out, because a filter
/// further down says so; but filters further down may be in another stage, and are not known there.
fn with_whole_orders(plan: Arc<dyn ExecutionPlan>) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let done = plan.transform_up(|node| {
        let Some(parts) = window_parts(node.as_ref()) else { return Ok(Transformed::no(node)) };
        let whole = node.children().first().map_or(Ok(None), |input| sorted_by_all(input, &parts))?;
        match whole {
            Some(whole) => Ok(Transformed::yes(with_input(&node, whole)?)),
            None => Ok(Transformed::no(node)),
        }
    })?;
    Ok(done.data)
}

fn with_input(
    node: &Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let how = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(node).replace_children(vec![input], how)
}

/// The same rows, sorted by all of these first; `None` where nothing below sorts them.
fn sorted_by_all(
    plan: &Arc<dyn ExecutionPlan>,
    parts: &[Arc<dyn PhysicalExpr>],
) -> datafusion::error::Result<Option<Arc<dyn ExecutionPlan>>> {
    let whole = |order: &LexOrdering| {
        let has = |part: &&Arc<dyn PhysicalExpr>| order.iter().any(|sorted| sorted.expr.eq(*part));
        let missing = parts.iter().filter(|part| !has(part)).cloned().map(PhysicalSortExpr::new_default);
        // A column of the same values may stand for a part: it comes after the parts, within which it changes nothing.
        let is_part = |sorted: &PhysicalSortExpr| parts.iter().any(|part| sorted.expr.eq(part));
        let (own, others): (Vec<_>, Vec<_>) = order.iter().cloned().partition(is_part);
        LexOrdering::new(missing.chain(own).chain(others))
    };
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        return Ok(whole(sort.expr()).map(|order| {
            let sorted = SortExec::new(order, Arc::clone(sort.input()));
            let sorted = sorted.with_preserve_partitioning(sort.preserve_partitioning()).with_fetch(sort.fetch());
            Arc::new(sorted) as Arc<dyn ExecutionPlan>
        }));
    }
    let is_passed_on = match (plan.downcast_ref::<SortPreservingMergeExec>(), plan.downcast_ref::<RepartitionExec>()) {
        (Some(_), _) => true,
        (_, Some(repartition)) => repartition.preserve_order(),
        _ => false,
    };
    let Some(input) = plan.children().first().copied().filter(|_| is_passed_on).cloned() else { return Ok(None) };
    let Some(input) = sorted_by_all(&input, parts)? else { return Ok(None) };
    match plan.downcast_ref::<SortPreservingMergeExec>() {
        Some(merge) => Ok(whole(merge.expr()).map(|order| {
            Arc::new(SortPreservingMergeExec::new(order, input).with_fetch(merge.fetch())) as Arc<dyn ExecutionPlan>
        })),
        None => Ok(Some(with_input(plan, input)?)),
    }
}

/// What a window step's windows are cut by.
fn window_parts(node: &dyn ExecutionPlan) -> Option<Vec<Arc<dyn PhysicalExpr>>> {
    let windows = match (node.downcast_ref::<BoundedWindowAggExec>(), node.downcast_ref::<WindowAggExec>()) {
        (Some(step), _) => step.window_expr(),
        (_, Some(step)) => step.window_expr(),
        _ => return None,
    };
    windows.first().map(|window| window.partition_by().to_vec())
}

fn has(plan: &Arc<dyn ExecutionPlan>, is_it: fn(&dyn ExecutionPlan) -> bool) -> bool {
    plan.exists(|node| Ok(is_it(node.as_ref()))).unwrap_or(false)
}

/// Whether each row of such a join comes of one row of its right side, so that tasks may share that out.
fn follows_right(join_type: JoinType) -> bool {
    use JoinType::{Inner, Right, RightAnti, RightMark, RightSemi};
    matches!(join_type, Inner | Right | RightSemi | RightAnti | RightMark)
}

fn is_undone_join(node: &dyn ExecutionPlan) -> bool {
    node.downcast_ref::<HashJoinExec>()
        .is_some_and(|join| *join.partition_mode() == PartitionMode::CollectLeft && !follows_right(*join.join_type()))
}

/// Whether a join without equal keys has to see all of its right side at once.
fn is_whole_loop(node: &dyn ExecutionPlan) -> bool {
    node.downcast_ref::<NestedLoopJoinExec>().is_some_and(|join| {
        join.right().output_partitioning().partition_count() > 1 && !follows_right(*join.join_type())
    })
}

/// Why a plan cannot be cut into stages; `None` where it can.
fn hindrance(plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
    if has(plan, is_undone_join) || has(plan, is_whole_loop) {
        return Some("it has a join whose parts depend on each other".into());
    }
    let name_of_one = |node: &Arc<dyn ExecutionPlan>| {
        let name = node.name().to_owned();
        MADE_FOR_ONE_PROCESS.contains(&name.as_str()).then_some(name)
    };
    let mut found = None;
    // The closure gives no error.
    let _ = plan.apply(|node| {
        found = name_of_one(node);
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found.map(|name| format!("{name} works in one process only"))
}

/// A plan as bytes.
///
/// # Errors
/// The reason in words, where a plan holds what cannot travel.
pub(super) fn encoded(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<u8>, String> {
    if let Some(reason) = hindrance(plan) {
        return Err(reason);
    }
    let codec = BallistaPhysicalExtensionCodec::default();
    let node = PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), &codec).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    node.try_encode(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > super::MESSAGE_BYTES_MAX / 2 {
        return Err(format!("the plan is too long to send: {} MiB", bytes.len() >> 20));
    }
    Ok(bytes)
}
