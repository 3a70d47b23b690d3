package org.i2lspark.tokenizer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The tokenizer of Qwen2 and its successors (transformers' {@code Qwen2Tokenizer}). Added tokens such as {@code <|im_end|>}
 * are cut out of the text as it stands; what is between them is brought to Unicode's form NFC, split into words by a pattern,
 * and each word is encoded by byte-pair encoding. Safe for use by several threads.
 */
public final class QwenTokenizer {
    /** Qwen2's pattern, with {@code \s} for Unicode's white space. */
    private static final Pattern WORDS = Pattern.compile(
            ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
                    .replace("\\s", "\\p{IsWhite_Space}")
                    .replace("\\S", "\\P{IsWhite_Space}"),
            Pattern.UNICODE_CASE);

    private final Map<String, Integer> addedTokens;
    private final Pattern addedToken;
    private final BytePairEncoding encoding;
    private final int size;

    QwenTokenizer(Map<String, Integer> addedTokens, BytePairEncoding encoding, int size) {
        this.addedTokens = Map.copyOf(addedTokens);
        this.addedToken = Pattern.compile(addedTokens.keySet().stream()
                .sorted(Comparator.comparingInt(String::length).reversed())
                .map(Pattern::quote)
                .collect(Collectors.joining("|")));
        this.encoding = encoding;
        this.size = size;
    }

    /**
     * Loads the files of a folder as the hub has it: {@code vocab.json}, {@code merges.txt}, and the added tokens in
     * {@code added_tokens.json} or {@code tokenizer_config.json}.
     *
     * @throws IOException if one is missing or damaged, or if they do not fit each other
     */
    public static QwenTokenizer load(Path folder) throws IOException {
        return TokenizerFiles.load(folder);
    }

    /** One more than the highest id. */
    public int size() {
        return size;
    }

    /** The ids of a text's tokens; no token is added in front or behind. */
    public List<Integer> encode(String text) {
        List<Integer> ids = new ArrayList<>();
        Matcher added = addedToken.matcher(text);
        int start = 0;
        while (added.find()) {
            encodeWords(text.substring(start, added.start()), ids);
            ids.add(addedTokens.get(added.group()));
            start = added.end();
        }
        encodeWords(text.substring(start), ids);
        return ids;
    }

    private void encodeWords(String text, List<Integer> ids) {
        for (String word : words(text)) {
            encoding.encode(word.getBytes(StandardCharsets.UTF_8), ids::add);
        }
    }

    /** The words that a text without added tokens is split into. */
    static List<String> words(String text) {
        return WORDS.matcher(Normalizer.normalize(text, Normalizer.Form.NFC))
                .results()
                .map(word -> word.group())
                .toList();
    }
}
