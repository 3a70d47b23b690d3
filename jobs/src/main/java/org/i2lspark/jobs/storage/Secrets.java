package org.i2lspark.jobs.storage;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Pattern;
import org.i2lspark.jobs.UnusableException;

/**
 * Keeps credentials out of what is written and said: refuses them in URIs, and blanks the values of secret settings wherever
 * they turn up in a message.
 */
public final class Secrets {
    /** Names of settings whose values are secrets, for Spark's own redaction and for ours. */
    public static final String SETTING_NAMES =
            "(?i)secret|passw(or)?d|token|access[._-]?key|encryption[.]key|account[.]key|api[._-]?key";

    private static final Pattern SETTING = Pattern.compile(SETTING_NAMES);
    private static final Pattern USER_INFO = Pattern.compile("(?i)^[a-z][a-z0-9+.-]*:/{1,3}[^/?#]*@");
    private static final String PARAMETERS =
            "[?&;](?:x-(?:amz|goog)-(?:signature|credential|security-token)|awsaccesskeyid|signature|sig|sas|[a-z_-]*token|api[_-]?key|password|secret)=";
    private static final Pattern SECRET_PARAMETER = Pattern.compile("(?i)" + PARAMETERS);
    private static final Pattern IN_TEXT =
            Pattern.compile("(?i)([a-z][a-z0-9+.-]*://)[^/?#\\s@'\"]*@|(" + PARAMETERS + ")[^&\\s'\"]+");
    private static final String BLANK = "*********(redacted)";
    private static final int SHORTEST = 6;

    private static final List<String> VALUES = new CopyOnWriteArrayList<>();

    private Secrets() {}

    /** Learns the values of secret settings, so that {@link #redact} knows them. */
    public static void learn(Iterable<? extends Map.Entry<String, String>> settings) {
        for (Map.Entry<String, String> setting : settings) {
            String value = setting.getValue();
            if (isSecret(setting.getKey()) && value != null && value.length() >= SHORTEST && !VALUES.contains(value)) {
                VALUES.add(value);
                VALUES.sort(Comparator.comparingInt(String::length).reversed());
            }
        }
    }

    /** Whether a setting of this name holds a secret. */
    public static boolean isSecret(String setting) {
        return SETTING.matcher(setting).find();
    }

    /** The text without the secrets that are known and without what looks like credentials in a URI. */
    public static String redact(String text) {
        if (text == null) {
            return null;
        }
        String redacted = IN_TEXT.matcher(text).replaceAll(found -> {
            String kept = found.group(1) != null ? found.group(1) + BLANK + "@" : found.group(2) + BLANK;
            return java.util.regex.Matcher.quoteReplacement(kept);
        });
        for (String value : VALUES) {
            redacted = redacted.replace(value, BLANK);
        }
        return redacted;
    }

    /** Whether a URI carries a user's name, a password or a signature. */
    public static boolean inUri(String uri) {
        return USER_INFO.matcher(uri).find() || SECRET_PARAMETER.matcher(uri).find();
    }

    /**
     * Refuses a URI that carries credentials.
     *
     * @param option what the URI is for
     * @throws UnusableException that does not repeat them
     */
    public static void refuseInUri(String option, String uri) throws UnusableException {
        if (uri != null && inUri(uri)) {
            throw new UnusableException(
                    "Cannot use %s: the URI holds credentials, which would end up in logs and manifests; pass them as settings (spark.hadoop.fs.s3a.… in a properties file) or in the environment"
                            .formatted(option));
        }
    }
}
