package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.apache.spark.sql.catalyst.parser.ParseException;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.SparkSqlParser;
import org.i2lspark.jobs.UnusableException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QueryCommandTest {
    @TempDir
    private Path output;

    @Test
    void refusesWhatIsNoOutput() {
        for (String command : new String[] {"query", "verify --output", "manifest compact --output"}) {
            CommandLineRun run = CommandLineRun.of((Object[]) (command + " " + output).split(" ", -1));
            assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
            assertThat(run.err())
                    .containsAnyOf("Cannot read the manifest of file:" + output, "Cannot verify file:" + output)
                    .contains("is it the --output of a run?");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "INSERT OVERWRITE DIRECTORY '/tmp/x' USING parquet SELECT 1",
                "FROM loras INSERT INTO x SELECT *",
                "WITH a AS (SELECT 1) INSERT INTO x SELECT * FROM a",
                "EXPLAIN INSERT OVERWRITE DIRECTORY '/tmp/x' USING parquet SELECT 1",
                "CREATE TABLE x USING parquet AS SELECT 1",
                "CREATE TABLE x (a INT) USING parquet",
                "CREATE TEMPORARY VIEW x AS SELECT 1",
                "CREATE TEMPORARY FUNCTION f AS 'x'",
                "DROP TABLE loras",
                "ALTER TABLE loras RENAME TO x",
                "TRUNCATE TABLE loras",
                "DELETE FROM loras",
                "UPDATE loras SET rank = 1",
                "MERGE INTO loras USING runs ON true WHEN MATCHED THEN DELETE",
                "LOAD DATA INPATH '/tmp/x' INTO TABLE loras",
                "SET spark.sql.ansi.enabled = false",
                "RESET",
                "USE x",
                "ADD JAR '/tmp/x.jar'",
                "LIST JARS",
                "CACHE TABLE loras",
                "CACHE TABLE x AS SELECT 1",
                "UNCACHE TABLE loras",
                "REFRESH TABLE loras",
                "ANALYZE TABLE loras COMPUTE STATISTICS",
                "MSCK REPAIR TABLE loras",
                "DECLARE VARIABLE x = 1",
                "EXECUTE IMMEDIATE 'DROP TABLE loras'",
                "BEGIN SELECT 1; DROP TABLE loras; END",
                "SELECT reflect('java.lang.System', 'exit', 1)",
                "SELECT builtin.JAVA_METHOD('java.lang.System', 'exit', 1)",
                "SELECT try_reflect('java.lang.System', 'exit', 1)",
                "SELECT IDENTIFIER('ref' || 'lect')('java.lang.System', 'exit', 1)",
                "SELECT 1 WHERE EXISTS (SELECT reflect('java.lang.System', 'exit', 1))",
                "WITH a AS (SELECT reflect('java.lang.System', 'exit', 1)) SELECT * FROM a",
                "SELECT sum(1) OVER w FROM runs WINDOW w AS (ORDER BY reflect('java.lang.System', 'exit', 1))",
                "VALUES (reflect('java.lang.System', 'exit', 1))",
                "SELECT TRANSFORM(run_id) USING 'cat' FROM runs",
                "SELECT * FROM parquet.`/tmp/x`",
                "SELECT (SELECT max(a) FROM csv.`/tmp/x`)",
                "DESCRIBE parquet.`/tmp/x`"
            })
    void refusesWhatDoesMoreThanRead(String sql) {
        assertThatThrownBy(() -> ReadOnlySql.require(parse(sql)))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Cannot run the query: ")
                .hasMessageNotContaining("\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT style_id, count(*) FROM loras WHERE rank > 1 GROUP BY style_id HAVING count(*) > 1 ORDER BY 1 LIMIT 5 OFFSET 1",
                "WITH a AS (SELECT * FROM loras), b AS (SELECT * FROM a) SELECT * FROM b JOIN images USING (style_id)",
                "VALUES (1, 'a'), (2, 'b')",
                "FROM loras SELECT style_id",
                "FROM loras |> WHERE rank > 1 |> AGGREGATE count(*) GROUP BY brand",
                "TABLE runs",
                "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3 INTERSECT SELECT 4",
                "SELECT * FROM loras WHERE run_id = (SELECT max(run_id) FROM runs) AND style_id IN (SELECT style_id FROM images)",
                "SELECT row_number() OVER w FROM loras WINDOW w AS (PARTITION BY brand ORDER BY rank)",
                "SELECT style_id, x FROM images LATERAL VIEW explode(siglip2) AS x",
                "SELECT * FROM range(3), LATERAL (SELECT id + 1)",
                "SELECT /*+ COALESCE(1) */ * FROM loras TABLESAMPLE (10 PERCENT)",
                "SELECT DISTINCT brand FROM loras",
                "SHOW TABLES",
                "SHOW COLUMNS IN loras",
                "SHOW FUNCTIONS",
                "DESCRIBE loras",
                "DESCRIBE FUNCTION sum",
                "DESCRIBE QUERY SELECT 1",
                "EXPLAIN SELECT * FROM loras"
            })
    void allowsWhatReads(String sql) {
        assertThatCode(() -> ReadOnlySql.require(parse(sql))).doesNotThrowAnyException();
    }

    @Test
    void severalStatementsAreNoQuery() {
        assertThatThrownBy(() -> parse("SELECT 1; DROP TABLE loras")).isInstanceOf(ParseException.class);
    }

    private static LogicalPlan parse(String sql) throws ParseException {
        return new SparkSqlParser().parsePlan(sql);
    }
}
