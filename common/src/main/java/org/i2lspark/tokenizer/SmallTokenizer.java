package org.i2lspark.tokenizer;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A tokenizer of few tokens that reads any text: the bytes, and what it takes for each word of {@link PromptTemplate} to be a
 * token, as it is with the released tokenizer. For trying the pipeline.
 */
public final class SmallTokenizer {
    private static final List<String> ADDED_TOKENS = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");

    private final Map<String, Integer> vocabulary = new LinkedHashMap<>();
    private final List<String> texts = new ArrayList<>();
    private final List<String> mergeLines = new ArrayList<>();
    private final Map<Long, BytePairEncoding.Merge> merges = new HashMap<>();
    private final BytePairEncoding encoding;

    private SmallTokenizer() {
        int[] byteTokens = new int[256];
        for (int value : ByteSymbols.inVocabularyOrder()) {
            byteTokens[value] = add(ByteSymbols.of(value));
        }
        this.encoding = new BytePairEncoding(byteTokens, merges);
    }

    /** Writes its files into a folder, as the hub has them. */
    public static void write(Path folder) throws IOException {
        SmallTokenizer tokenizer = new SmallTokenizer();
        String special = ADDED_TOKENS.stream().map(Pattern::quote).collect(Collectors.joining("|"));
        for (String text : PromptTemplate.texts()) {
            for (String part : text.split(special, -1)) {
                QwenTokenizer.words(part).forEach(tokenizer::learn);
            }
        }
        Files.createDirectories(folder);
        JsonMapper json = new JsonMapper();
        json.writeValue(folder.resolve(TokenizerFiles.VOCABULARY).toFile(), tokenizer.vocabulary);
        Files.write(folder.resolve(TokenizerFiles.MERGES), tokenizer.mergeLines);
        Map<String, Integer> added = new LinkedHashMap<>();
        ADDED_TOKENS.forEach(token -> added.put(token, tokenizer.vocabulary.size() + added.size()));
        json.writeValue(folder.resolve(TokenizerFiles.ADDED_TOKENS).toFile(), added);
    }

    private int add(String text) {
        vocabulary.put(text, texts.size());
        texts.add(text);
        return texts.size() - 1;
    }

    /** Adds merges until a word is one token. They rank behind those that are there, so that what was learned stays. */
    private void learn(String word) {
        List<Integer> tokens = encode(word);
        while (tokens.size() > 1) {
            String left = texts.get(tokens.get(0));
            String right = texts.get(tokens.get(1));
            Integer known = vocabulary.get(left + right);
            int merged = known == null ? add(left + right) : known;
            merges.put(
                    BytePairEncoding.pair(tokens.get(0), tokens.get(1)),
                    new BytePairEncoding.Merge(mergeLines.size(), merged));
            mergeLines.add(left + " " + right);
            tokens = encode(word);
        }
    }

    private List<Integer> encode(String word) {
        List<Integer> tokens = new ArrayList<>();
        encoding.encode(word.getBytes(StandardCharsets.UTF_8), tokens::add);
        return tokens;
    }
}
