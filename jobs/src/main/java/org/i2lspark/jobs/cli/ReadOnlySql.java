package org.i2lspark.jobs.cli;

import java.util.Locale;
import java.util.Set;
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction;
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableOrView;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.i2lspark.jobs.UnusableException;
import scala.Product;
import scala.collection.Iterable;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;

/**
 * Says which SQL only reads the manifest's tables. The plan that Spark's parser makes of a statement is allowed if all its nodes are
 * known to read; what is not known, as a later Spark's commands, is refused.
 */
final class ReadOnlySql {
    private static final Set<String> QUERY_NODES = Set.of(
            "Aggregate",
            "AsOfJoin",
            "Deduplicate",
            "Distinct",
            "Except",
            "Filter",
            "Generate",
            "GlobalLimit",
            "Intersect",
            "Join",
            "LateralJoin",
            "LimitAll",
            "LocalLimit",
            "LocalRelation",
            "Offset",
            "OneRowRelation",
            "PipeOperator",
            "Pivot",
            "Project",
            "Range",
            "Repartition",
            "RepartitionByExpression",
            "Sample",
            "Sort",
            "Subquery",
            "SubqueryAlias",
            "Transpose",
            "Union",
            "UnionLoop",
            "Unpivot",
            "UnresolvedHaving",
            "UnresolvedHint",
            "UnresolvedInlineTable",
            "UnresolvedQualify",
            "UnresolvedRelation",
            "UnresolvedSubqueryColumnAliases",
            "UnresolvedTableValuedFunction",
            "UnresolvedTVFAliases",
            "UnresolvedWith",
            "Window",
            "WithWindowDefinition");
    private static final Set<String> COMMANDS_THAT_READ = Set.of(
            "CurrentNamespace",
            "CurrentNamespace$",
            "DescribeColumn",
            "DescribeFunction",
            "DescribeQueryCommand",
            "DescribeRelation",
            "ExplainCommand",
            "ShowCatalogsCommand",
            "ShowColumns",
            "ShowCurrentNamespaceCommand",
            "ShowFunctions",
            "ShowNamespaces",
            "ShowTables",
            "ShowViews",
            "UnresolvedFunctionName",
            "UnresolvedNamespace",
            "UnresolvedTableOrView");
    /** They call any method of any class. */
    private static final Set<String> FUNCTIONS_THAT_RUN_CODE = Set.of("java_method", "reflect", "try_reflect");

    private ReadOnlySql() {}

    /**
     * Refuses a statement that does more than read.
     *
     * @param plan a statement as Spark's parser, not yet its analyzer, returns it
     * @throws UnusableException in one line what of it is refused
     */
    static void require(LogicalPlan plan) throws UnusableException {
        requireIn(plan);
    }

    /** Follows fields, not children: named parts of WITH, the plan of EXPLAIN and windows are no children. */
    private static void requireIn(Object part) throws UnusableException {
        if (part instanceof LogicalPlan node) {
            requireReading(node);
        } else if (part instanceof Expression expression) {
            requireNoCode(expression);
        }
        if (part instanceof Product product) {
            requireInAll(product.productIterator());
        } else if (part instanceof Iterable<?> parts) {
            requireInAll(parts.iterator());
        }
    }

    private static void requireInAll(Iterator<?> parts) throws UnusableException {
        while (parts.hasNext()) {
            requireIn(parts.next());
        }
    }

    private static void requireReading(LogicalPlan node) throws UnusableException {
        String name = node.getClass().getSimpleName();
        if (!QUERY_NODES.contains(name) && !COMMANDS_THAT_READ.contains(name)) {
            throw refused("%s is not allowed".formatted(name));
        }
        if (node instanceof UnresolvedRelation relation) {
            requireTable(relation.multipartIdentifier());
        } else if (node instanceof UnresolvedTableOrView table) {
            requireTable(table.multipartIdentifier());
        }
    }

    /** A name of parts is another catalog's table or files, as in {@code parquet.`/folder`}. */
    private static void requireTable(Seq<String> name) throws UnusableException {
        if (name.size() > 1) {
            throw refused("%s is no table of the manifest".formatted(name.mkString(".")));
        }
    }

    private static void requireNoCode(Expression expression) throws UnusableException {
        if (expression instanceof UnresolvedFunction function) {
            String name = function.nameParts().last().toLowerCase(Locale.ROOT);
            if (FUNCTIONS_THAT_RUN_CODE.contains(name)) {
                throw refused("the function %s runs code".formatted(name));
            }
        }
        if (expression.getClass().getSimpleName().equals("ExpressionWithUnresolvedIdentifier")) {
            throw refused("IDENTIFIER is not allowed");
        }
    }

    private static UnusableException refused(String reason) {
        return new UnusableException(
                "Cannot run the query: " + reason
                        + " (expected SELECT, WITH, VALUES, FROM, TABLE, SHOW, DESCRIBE or EXPLAIN, over loras, images and runs)");
    }
}
