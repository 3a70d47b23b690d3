package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DevicesCommandTest {
    @Test
    void tellsTheLibraryAndWhatItCanComputeOn() {
        CommandLineRun run = CommandLineRun.of("devices");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).matches("libtorch 2\\.7\\.1\\+cpu of /.*\\RDevices: cpu\\R");
    }
}
