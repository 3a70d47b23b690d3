package org.i2lspark.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The files of a tokenizer's folder. */
final class TokenizerFiles {
    static final String VOCABULARY = "vocab.json";
    static final String MERGES = "merges.txt";
    static final String ADDED_TOKENS = "added_tokens.json";
    private static final String CONFIG = "tokenizer_config.json";
    private static final JsonMapper JSON = new JsonMapper();

    private final Path folder;

    private TokenizerFiles(Path folder) {
        this.folder = folder;
    }

    static QwenTokenizer load(Path folder) throws IOException {
        TokenizerFiles files = new TokenizerFiles(folder);
        Map<String, Integer> vocabulary = files.vocabulary();
        Map<String, Integer> added = files.addedTokens();
        BytePairEncoding encoding = new BytePairEncoding(files.byteTokens(vocabulary), files.merges(vocabulary));
        int highest = Math.max(Collections.max(vocabulary.values()), Collections.max(added.values()));
        return new QwenTokenizer(added, encoding, highest + 1);
    }

    private Map<String, Integer> vocabulary() throws IOException {
        return ids(folder.resolve(VOCABULARY));
    }

    private Map<String, Integer> ids(Path file) throws IOException {
        requireFile(file);
        Map<String, Integer> ids;
        try {
            ids = JSON.readValue(file.toFile(), new TypeReference<HashMap<String, Integer>>() {});
        } catch (JsonProcessingException e) {
            throw invalid(file, "it is no object of tokens and ids: " + e.getOriginalMessage());
        }
        return checked(file, ids);
    }

    private static Map<String, Integer> checked(Path file, Map<String, Integer> ids) throws IOException {
        if (ids == null || ids.isEmpty()) {
            throw invalid(file, "it has no tokens");
        }
        for (Map.Entry<String, Integer> token : ids.entrySet()) {
            if (token.getKey().isEmpty() || token.getValue() == null || token.getValue() < 0) {
                throw invalid(file, "token '%s' has the id %s".formatted(token.getKey(), token.getValue()));
            }
        }
        return ids;
    }

    /** Newer tools write them into the config alone. */
    private Map<String, Integer> addedTokens() throws IOException {
        Path file = folder.resolve(ADDED_TOKENS);
        return Files.exists(file) || !Files.exists(folder.resolve(CONFIG)) ? ids(file) : configuredTokens();
    }

    private Map<String, Integer> configuredTokens() throws IOException {
        Path file = folder.resolve(CONFIG);
        JsonNode tokens;
        try {
            tokens = JSON.readTree(file.toFile()).path("added_tokens_decoder");
        } catch (JsonProcessingException e) {
            throw invalid(file, "not valid JSON: " + e.getOriginalMessage());
        }
        Map<String, Integer> ids = new HashMap<>();
        for (Map.Entry<String, JsonNode> token : tokens.properties()) {
            try {
                ids.put(token.getValue().path("content").asText(), Integer.valueOf(token.getKey()));
            } catch (NumberFormatException e) {
                throw invalid(file, "'%s' in added_tokens_decoder is no id".formatted(token.getKey()));
            }
        }
        return checked(file, ids);
    }

    private int[] byteTokens(Map<String, Integer> vocabulary) throws IOException {
        int[] tokens = new int[256];
        for (int i = 0; i < tokens.length; i++) {
            Integer token = vocabulary.get(ByteSymbols.of(i));
            if (token == null) {
                throw invalid(
                        folder.resolve(VOCABULARY), "it has no token '%s' for byte %d".formatted(ByteSymbols.of(i), i));
            }
            tokens[i] = token;
        }
        return tokens;
    }

    private Map<Long, BytePairEncoding.Merge> merges(Map<String, Integer> vocabulary) throws IOException {
        Path file = folder.resolve(MERGES);
        requireFile(file);
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (CharacterCodingException e) {
            throw invalid(file, "it is not UTF-8");
        }
        Map<Long, BytePairEncoding.Merge> merges = new HashMap<>(2 * lines.size());
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (!line.isEmpty() && !(i == 0 && line.startsWith("#version"))) {
                addMerge(merges, vocabulary, line, i + 1);
            }
        }
        return merges;
    }

    private void addMerge(
            Map<Long, BytePairEncoding.Merge> merges, Map<String, Integer> vocabulary, String line, int number)
            throws IOException {
        int space = line.indexOf(' ');
        String first = space < 0 ? line : line.substring(0, space);
        String second = line.substring(space + 1);
        Integer left = vocabulary.get(first);
        Integer right = vocabulary.get(second);
        Integer merged = vocabulary.get(first + second);
        if (space < 0 || left == null || right == null || merged == null) {
            throw invalid(
                    folder.resolve(MERGES),
                    "line %d, '%s', merges no two tokens of %s into another".formatted(number, line, VOCABULARY));
        }
        merges.putIfAbsent(BytePairEncoding.pair(left, right), new BytePairEncoding.Merge(number, merged));
    }

    private static void requireFile(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(
                    file.toString(),
                    null,
                    "tokenizer file missing; the model folder must mirror the hub's folders, see 'Real checkpoints' in README.md");
        }
    }

    private static IOException invalid(Path file, String problem) {
        return new IOException("Invalid tokenizer file %s: %s".formatted(file, problem));
    }
}
