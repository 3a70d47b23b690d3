package org.i2lspark.jobs.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.i2lspark.jobs.serve.StyleAlias.Gate;
import org.junit.jupiter.api.Test;

class StyleAliasTest {
    private static final Instant NOW = Instant.parse("2026-09-01T02:00:00Z");

    private static LoraVersion version(String fingerprint) {
        return new LoraVersion(
                fingerprint, fingerprint + ".safetensors", 1, fingerprint, 4, "qwen-image", 1, "run", null, null);
    }

    private static String fingerprint(LoraVersion version) {
        return version == null ? null : version.fingerprint();
    }

    private static void assertIs(StyleAlias alias, String current, String previous, String candidate, boolean stale) {
        assertThat(fingerprint(alias.current())).isEqualTo(current);
        assertThat(fingerprint(alias.previous())).isEqualTo(previous);
        assertThat(fingerprint(alias.candidate())).isEqualTo(candidate);
        assertThat(alias.stale()).isEqualTo(stale);
    }

    @Test
    void whatIsMadeBecomesCurrentByItselfOrWaits() {
        StyleAlias first = StyleAlias.NONE.made(version("a"), Gate.OPEN, NOW);
        assertIs(first, "a", null, null, false);
        assertThat(first.current().approvedBy()).isEqualTo("auto");
        assertThat(first.current().approvedAt()).isEqualTo("2026-09-01T02:00:00Z");
        assertIs(first.made(version("b"), Gate.OPEN, NOW), "b", "a", null, false);
        StyleAlias waiting = first.made(version("b"), Gate.GUARDED, NOW);
        assertIs(waiting, "a", null, "b", false);
        assertIs(waiting.approved("mira", NOW), "b", "a", null, false);
        assertThat(waiting.approved("mira", NOW).current().approvedBy()).isEqualTo("mira");
        assertIs(StyleAlias.NONE.made(version("a"), Gate.GUARDED, NOW), null, null, "a", false);
    }

    @Test
    void whatFailsOrIsBlockedLeavesWhatIsCurrentStale() {
        StyleAlias first = StyleAlias.NONE.made(version("a"), Gate.OPEN, NOW);
        assertIs(first.failed(), "a", null, null, true);
        StyleAlias blocked = first.made(version("b"), Gate.BLOCKED, NOW);
        assertIs(blocked, "a", null, "b", true);
        assertIs(blocked.made(version("b"), Gate.BLOCKED, NOW), "a", null, "b", true);
        assertIs(blocked.made(version("a"), Gate.OPEN, NOW), "a", null, null, false);
        assertIs(blocked.approved("mira", NOW), "b", "a", null, false);
    }

    @Test
    void whatWasRolledBackDoesNotReturnByItself() {
        StyleAlias second = StyleAlias.NONE.made(version("a"), Gate.OPEN, NOW).made(version("b"), Gate.OPEN, NOW);
        StyleAlias back = second.rolledBack(second.previous(), "mira", NOW);
        assertIs(back, "a", "b", null, false);
        StyleAlias next = back.made(version("b"), Gate.OPEN, NOW);
        assertIs(next, "a", "b", "b", false);
        assertIs(next.approved("mira", NOW), "b", "a", null, false);
        assertIs(next.made(version("c"), Gate.OPEN, NOW), "c", "a", null, false);
    }

    @Test
    void aLoraThatWasMadeAgainInItsPlaceStaysCurrent() {
        StyleAlias first = StyleAlias.NONE.made(version("a"), Gate.OPEN, NOW);
        LoraVersion again = new LoraVersion("a", "a.safetensors", 2, "other", 4, "qwen-image", 1, "later", null, null);
        StyleAlias after = first.made(again, Gate.BLOCKED, NOW);
        assertThat(after.current()).isEqualTo(again.approved("auto", NOW));
        assertThat(after.previous()).isNull();
    }
}
