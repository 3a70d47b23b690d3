package org.i2lspark.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.i2lspark.model.ReferenceCase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against the ids that transformers' Qwen2Tokenizer gives. */
class QwenTokenizerTest {
    private static final File CASES = new File("src/test/resources/reference/tokenizer/cases.json");

    @TempDir
    private static Path complete;

    @TempDir
    private Path folder;

    private static QwenTokenizer tokenizer;

    @BeforeAll
    static void load() throws IOException {
        tokenizer = QwenTokenizer.load(ReferenceCase.writeTokenizer(complete));
    }

    /** A small tokenizer: bytes, one merge, one added token. */
    @BeforeEach
    void writeSmall() throws IOException {
        StringBuilder vocabulary = new StringBuilder("{\"ab\": 256");
        for (int i = 0; i < 256; i++) {
            vocabulary
                    .append(", \"")
                    .append(ByteSymbols.of(i).replace("\\", "\\\\").replace("\"", "\\\""))
                    .append("\": ")
                    .append(i);
        }
        write(TokenizerFiles.VOCABULARY, vocabulary.append('}').toString());
        write(TokenizerFiles.MERGES, "#version: 0.2\na b\n");
        write(TokenizerFiles.ADDED_TOKENS, "{\"<end>\": 300}");
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    @Test
    void idsAgreeWithTheReference() throws IOException {
        JsonNode cases = new JsonMapper().readTree(CASES);
        int maxLength = cases.get("max_length").asInt();
        String template = cases.get("template").asText();
        int texts = 0;
        for (JsonNode one : cases.get("cases")) {
            String prompt = one.get("prompt").asText();
            assertThat(tokenizer.encode(prompt)).as(prompt).isEqualTo(ids(one.get("bare")));
            List<Integer> templated = tokenizer.encode(template.replace("{}", prompt));
            assertThat(templated.subList(0, Math.min(maxLength, templated.size())))
                    .as(prompt)
                    .isEqualTo(ids(one.get("templated")));
            texts += 2;
        }
        assertThat(texts).isEqualTo(400);
        assertThat(tokenizer.size()).isEqualTo(151665);
    }

    private static List<Integer> ids(JsonNode array) {
        List<Integer> ids = new ArrayList<>();
        array.forEach(id -> ids.add(id.asInt()));
        return ids;
    }

    @Test
    void theTemplateIsThatOfTheReference() throws IOException {
        JsonNode cases = new JsonMapper().readTree(CASES);
        PromptTemplate prompts = new PromptTemplate(tokenizer);
        assertThat(PromptTemplate.DROPPED_TOKENS).isEqualTo(cases.get("drop").asInt());
        JsonNode first = cases.get("cases").get(0);
        assertThat(prompts.encode(first.get("prompt").asText())).isEqualTo(ids(first.get("templated")));
    }

    @Test
    void aPromptOfTooManyTokensIsRefused() throws IOException {
        PromptTemplate prompts = new PromptTemplate(tokenizer);
        // with the five tokens behind it
        assertThat(prompts.encode("1".repeat(1019))).hasSize(1024 + 34);
        assertThatThrownBy(() -> prompts.encode("1".repeat(1020)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Invalid prompt: it makes 1025 tokens (expected at most 1024)");
    }

    @Test
    void aTokenizerThatTheTemplateWasNotMadeForIsRefused() throws IOException {
        QwenTokenizer other = QwenTokenizer.load(folder);
        assertThatThrownBy(() -> new PromptTemplate(other))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("Cannot use the tokenizer: Qwen-Image's prompt template begins with ")
                .hasMessageEndingWith(" of its tokens (expected 34, as with Qwen2.5-VL's)");
    }

    @Test
    void aLongWordTakesNoLongerThanItsLengthWants() {
        String word = "ab".repeat(200_000);
        assertThat(tokenizer.encode(word)).hasSizeLessThan(word.length());
    }

    @Test
    void addedTokensAreReadFromTheConfigWhereTheyHaveNoFile() throws IOException {
        Files.delete(folder.resolve(TokenizerFiles.ADDED_TOKENS));
        write(
                "tokenizer_config.json",
                "{\"added_tokens_decoder\": {\"301\": {\"content\": \"<end>\", \"special\": true}}}");
        assertThat(QwenTokenizer.load(folder).encode("ab<end>")).containsExactly(256, 301);
    }

    @Test
    void missingFilesAreNamed() throws IOException {
        Files.delete(folder.resolve(TokenizerFiles.MERGES));
        assertRefused("merges.txt: tokenizer file missing; the model folder must mirror the hub's folders, "
                + "see 'Real checkpoints' in README.md");
        write(TokenizerFiles.MERGES, "a b\n");
        Files.delete(folder.resolve(TokenizerFiles.ADDED_TOKENS));
        assertRefused("added_tokens.json: tokenizer file missing; the model folder must mirror the hub's folders, "
                + "see 'Real checkpoints' in README.md");
    }

    @Test
    void whatIsDamagedIsNamed() throws IOException {
        write(TokenizerFiles.MERGES, "a b\nx\n");
        assertRefused("merges.txt: line 2, 'x', merges no two tokens of vocab.json into another");
        write(TokenizerFiles.MERGES, "a c\n");
        assertRefused("merges.txt: line 1, 'a c', merges no two tokens of vocab.json into another");
        Files.write(folder.resolve(TokenizerFiles.MERGES), "a é".getBytes(StandardCharsets.ISO_8859_1));
        assertRefused("merges.txt: it is not UTF-8");
        write(TokenizerFiles.MERGES, "");
        write(TokenizerFiles.ADDED_TOKENS, "{\"<end>\": null}");
        assertRefused("added_tokens.json: token '<end>' has the id null");
        write(TokenizerFiles.ADDED_TOKENS, "{\"<end>\": 1}");
        write(TokenizerFiles.VOCABULARY, "{\"a\": 1}");
        assertRefused("vocab.json: it has no token 'Ā' for byte 0");
        write(TokenizerFiles.VOCABULARY, "{\"a\": 1");
        assertThatThrownBy(() -> QwenTokenizer.load(folder))
                .hasMessageStartingWith("Invalid tokenizer file %s: it is no object of tokens and ids: "
                        .formatted(folder.resolve(TokenizerFiles.VOCABULARY)));
        write(TokenizerFiles.VOCABULARY, "{}");
        assertRefused("vocab.json: it has no tokens");
    }

    private void assertRefused(String end) {
        assertThatThrownBy(() -> QwenTokenizer.load(folder))
                .isInstanceOf(IOException.class)
                .hasMessageEndingWith("/" + end)
                .hasMessageContaining(folder.toString());
    }
}
