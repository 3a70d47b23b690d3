package org.i2lspark.image;

import static org.i2lspark.image.ImageFormat.startsWith;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/** What an ISO base media file says that it is (ISO/IEC 14496-12, 4.3): its major brand, then the compatible ones. */
final class IsoBrands {
    private static final int MAX_BOX_BYTES = 512;
    private static final int BRAND_BYTES = 4;

    private static final Set<String> AVIF = Set.of("avif", "avis");
    private static final Set<String> HEIF =
            Set.of("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1", "miaf");
    private static final String VIDEO =
            "iso[m0-9a-c]|mp4[12]|mp71|qt  |M4V.|avc1|dash|msdh|3g[a-z0-9]{2}|MSNV|mmp4|[fF]4[vV] |XAVC|dvh1|hvc1|NDX.";

    private IsoBrands() {}

    static boolean isAvif(byte[] bytes) {
        List<String> brands = of(bytes);
        // a general major brand is AVIF's too, which then is among the compatible ones
        return isMajor(brands, AVIF)
                || (isMajor(brands, HEIF) && !brands.contains("heic") && !Collections.disjoint(brands, AVIF));
    }

    static boolean isHeif(byte[] bytes) {
        List<String> brands = of(bytes);
        return isMajor(brands, HEIF) || (!isVideo(bytes) && !Collections.disjoint(brands, HEIF));
    }

    static boolean isCr3(byte[] bytes) {
        return isMajor(of(bytes), Set.of("crx "));
    }

    static boolean isVideo(byte[] bytes) {
        List<String> brands = of(bytes);
        return (!brands.isEmpty() && brands.get(0).matches(VIDEO)) || isOldQuickTime(bytes);
    }

    /** Before there were brands, the first box was the film or its description. */
    private static boolean isOldQuickTime(byte[] bytes) {
        return startsWith(bytes, 4, "moov") || startsWith(bytes, 4, "mdat") || startsWith(bytes, 4, "wide");
    }

    private static boolean isMajor(List<String> brands, Set<String> any) {
        return !brands.isEmpty() && any.contains(brands.get(0));
    }

    /** The brands, the major one first; none if it is no such file. */
    private static List<String> of(byte[] bytes) {
        List<String> brands = new ArrayList<>();
        if (startsWith(bytes, 4, "ftyp") && bytes.length >= 12) {
            brands.add(brand(bytes, 8));
            int size = Math.max(0, ByteBuffer.wrap(bytes).getInt());
            int end = Math.min(Math.min(size, MAX_BOX_BYTES), bytes.length);
            for (int at = 16; at + BRAND_BYTES <= end; at += BRAND_BYTES) {
                brands.add(brand(bytes, at));
            }
        }
        return brands;
    }

    private static String brand(byte[] bytes, int offset) {
        return new String(bytes, offset, BRAND_BYTES, StandardCharsets.ISO_8859_1);
    }
}
