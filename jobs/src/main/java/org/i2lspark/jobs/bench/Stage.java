package org.i2lspark.jobs.bench;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * What a part of the work took.
 *
 * @param batch images at once
 * @param milliseconds an image, in the median
 */
record Stage(String name, int batch, double milliseconds, Cost cost) {
    /** Which share of the time the device needs at least; 0 where it has no part in it. */
    double share(DeviceRates rates) {
        return cost.leastSeconds(batch, rates) * 1000 / milliseconds;
    }

    Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("stage", name);
        facts.put("batch", batch);
        facts.put("milliseconds_an_image", milliseconds);
        return facts;
    }

    Map<String, Object> facts(DeviceRates rates) {
        Map<String, Object> facts = facts();
        facts.put("flops_an_image", cost.flops());
        facts.put("weight_bytes_a_batch", cost.weightBytes());
        facts.put("host_bytes_an_image", cost.hostBytes());
        facts.put("share_of_device", share(rates));
        return facts;
    }

    String text() {
        return String.format(Locale.ROOT, "%-28s %6d %12.2f", name, batch, milliseconds);
    }

    String text(DeviceRates rates) {
        return cost.equals(Cost.NONE)
                ? ""
                : String.format(Locale.ROOT, "  %14.3f  %11.0f %%", cost.flops() / 1e12, 100 * share(rates));
    }
}
