package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/** The files of conf/schedule: what a scheduler needs is there, and what they call is what the command line takes. */
class ScheduleFilesTest {
    private static final Path FOLDER = Path.of("..", "conf", "schedule");

    private static JsonNode yaml(String name) throws IOException {
        return new YAMLMapper().readTree(FOLDER.resolve(name).toFile());
    }

    private static List<String> texts(JsonNode list) {
        List<String> texts = new ArrayList<>();
        list.forEach(text -> texts.add(text.asText()));
        return texts;
    }

    static Stream<List<String>> calls() throws IOException {
        List<String> cronJob =
                texts(yaml("kubernetes-cronjob.yaml").at("/spec/jobTemplate/spec/template/spec/containers/0/args"));
        return Stream.of(
                afterProgram(line("i2l.crontab", "scripts/i2l").replaceAll(" \\|\\| .*", "")),
                afterProgram(line("i2l-nightly.service", "ExecStart=")),
                cronJob.subList(cronJob.indexOf("generate"), cronJob.size()),
                texts(yaml("scheduled-spark-application.yaml").at("/spec/template/arguments")),
                airflowArguments());
    }

    private static String line(String name, String part) throws IOException {
        try (Stream<String> lines = Files.lines(FOLDER.resolve(name))) {
            return lines.filter(line -> !line.startsWith("#") && line.contains(part))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static List<String> afterProgram(String line) {
        return Arrays.asList(line.replaceFirst(".*scripts/i2l ", "").split(" ", -1));
    }

    private static List<String> airflowArguments() throws IOException {
        String dag = Files.readString(FOLDER.resolve("airflow_i2l.py"));
        String list = dag.replaceFirst("(?s).*application_args=\\[", "").replaceFirst("(?s)\\].*", "");
        return Stream.of(list.split(",", -1))
                .map(text -> text.strip().replace("\"", ""))
                .filter(text -> !text.isEmpty())
                .toList();
    }

    @ParameterizedTest
    @MethodSource("calls")
    void whatTheyCallIsWhatTheCommandLineTakes(List<String> call) {
        CommandLine.ParseResult parsed = Main.commandLine().parseArgs(call.toArray(new String[0]));
        assertThat(parsed.subcommand().commandSpec().name()).isEqualTo("generate");
        assertThat(call).containsSequence("--fail-on", "new").contains("--catalog", "--models", "--output");
    }

    @Test
    void aCronJobRunsOneAtATimeAndDoesNotTryAgain() throws IOException {
        JsonNode job = yaml("kubernetes-cronjob.yaml");
        assertThat(job.at("/apiVersion").asText()).isEqualTo("batch/v1");
        assertThat(job.at("/kind").asText()).isEqualTo("CronJob");
        assertThat(job.at("/spec/schedule").asText().split(" ", -1)).hasSize(5);
        assertThat(job.at("/spec/concurrencyPolicy").asText()).isEqualTo("Forbid");
        assertThat(job.at("/spec/jobTemplate/spec/backoffLimit").asInt(-1)).isZero();
        assertThat(job.at("/spec/jobTemplate/spec/template/spec/restartPolicy").asText())
                .isEqualTo("Never");
    }

    @Test
    void aScheduledSparkApplicationRunsOneAtATimeAndDoesNotTryAgain() throws IOException {
        JsonNode application = yaml("scheduled-spark-application.yaml");
        assertThat(application.at("/apiVersion").asText()).isEqualTo("sparkoperator.k8s.io/v1beta2");
        assertThat(application.at("/kind").asText()).isEqualTo("ScheduledSparkApplication");
        assertThat(application.at("/spec/concurrencyPolicy").asText()).isEqualTo("Forbid");
        assertThat(application.at("/spec/timeZone").isTextual()).isTrue();
        assertThat(application.at("/spec/successfulRunHistoryLimit").asInt()).isPositive();
        assertThat(application.at("/spec/failedRunHistoryLimit").asInt()).isPositive();
        assertThat(application.at("/spec/template/restartPolicy/type").asText()).isEqualTo("Never");
        assertThat(application.at("/spec/template/mainClass").asText()).isEqualTo(Main.class.getName());
        assertThat(application.at("/spec/template/sparkVersion").asText()).startsWith("4.");
    }

    @Test
    void aUnitThatFailsStartsTheOneThatTellsSomebody() throws IOException {
        assertThat(line("i2l-nightly.service", "OnFailure=")).isEqualTo("OnFailure=i2l-failed@%n.service");
        assertThat(FOLDER.resolve("i2l-failed@.service")).exists();
        assertThat(line("i2l-nightly.timer", "OnCalendar=")).contains("02:00:00");
    }
}
