package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.io.LocalInputFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RowsTest {
    @TempDir
    private Path folder;

    @Test
    void embeddingsAreWrittenPlainAndNamesOnce() throws IOException {
        Rows rows = new Rows(ManifestTable.IMAGES);
        for (int i = 0; i < 10; i++) {
            int position = i;
            rows.add(row -> row.text("run_id", "run")
                    .text("style_id", "style")
                    .integer("position", position)
                    .text("uri", "file:///photo.jpg")
                    .text("status", "done")
                    .floats("siglip2", new float[100])
                    .floats("dinov3", new float[100]));
        }
        Path file = Files.write(folder.resolve("rows.parquet"), rows.toParquet());
        try (ParquetFileReader reader = ParquetFileReader.open(new LocalInputFile(file))) {
            assertThat(reader.getRowGroups().get(0).getColumns())
                    .filteredOn(column -> column.getEncodings().stream().anyMatch(Encoding::usesDictionary))
                    .extracting(ColumnChunkMetaData::getPath)
                    .extracting(path -> path.toDotString())
                    .contains("run_id", "style_id")
                    .doesNotContain("siglip2.list.element", "dinov3.list.element");
        }
    }
}
