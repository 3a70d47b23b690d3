package org.i2lspark.image;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** Pages and documents, which servers send in place of images, told by how they begin. */
final class Markup {
    private static final int START_BYTES = 4096;

    /** What may stand before the first element: a declaration, comments, instructions. */
    private static final String PROLOGUE = "(?si)\\s*(<\\?.*?\\?>\\s*|<!--.*?-->\\s*)*+";

    private static final Pattern HTML = Pattern.compile(
            PROLOGUE + "(<!doctype\\s+html[\\s>]|<(html|head|body|title|meta|script|style|center)[\\s>/]).*");
    private static final Pattern SVG = Pattern.compile(
            PROLOGUE + "(<!doctype\\s+svg\\b[^>\\[]*(\\[.*?])?\\s*>\\s*|<!--.*?-->\\s*)*+<(svg:)?svg[\\s>/].*");
    private static final Pattern XML = Pattern.compile("(?si)\\s*(<\\?xml\\s|<error>|<!doctype\\s).*");
    private static final Pattern JSON = Pattern.compile("(?s)\\s*(\\{\\s*[\"}]|\\[\\s*[\\[{\"\\]]).*");

    private Markup() {}

    static boolean isHtml(byte[] bytes) {
        return HTML.matcher(start(bytes)).matches();
    }

    static boolean isSvg(byte[] bytes) {
        return SVG.matcher(start(bytes)).matches();
    }

    static boolean isXml(byte[] bytes) {
        return XML.matcher(start(bytes)).matches();
    }

    static boolean isJson(byte[] bytes) {
        return JSON.matcher(start(bytes)).matches();
    }

    /** The first bytes as text, without a byte order mark. */
    static String start(byte[] bytes) {
        String text = new String(bytes, 0, Math.min(bytes.length, START_BYTES), StandardCharsets.ISO_8859_1);
        return text.startsWith("\u00EF\u00BB\u00BF") ? text.substring(3) : text;
    }
}
