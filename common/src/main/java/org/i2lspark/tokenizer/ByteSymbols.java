package org.i2lspark.tokenizer;

import java.util.stream.IntStream;

/**
 * The characters that stand for bytes in a byte-level vocabulary, as GPT-2 has them: printable bytes of Latin-1 stand for
 * themselves, the others for the characters from U+0100 on.
 */
final class ByteSymbols {
    private static final char[] SYMBOLS = symbols();

    private ByteSymbols() {}

    private static char[] symbols() {
        char[] symbols = new char[256];
        char other = 256;
        for (int i = 0; i < symbols.length; i++) {
            symbols[i] = isPrintable(i) ? (char) i : other++;
        }
        return symbols;
    }

    private static boolean isPrintable(int value) {
        return (value >= '!' && value <= '~') || (value >= 0xA1 && value <= 0xFF && value != 0xAD);
    }

    static String of(int unsignedByte) {
        return String.valueOf(SYMBOLS[unsignedByte]);
    }

    /** All bytes in the order in which such vocabularies begin: those that stand for themselves first. */
    static int[] inVocabularyOrder() {
        return IntStream.concat(
                        IntStream.range(0, 256).filter(ByteSymbols::isPrintable),
                        IntStream.range(0, 256).filter(value -> !isPrintable(value)))
                .toArray();
    }
}
