package org.i2lspark.jobs.worker;

import java.io.Serializable;
import java.util.Set;

/**
 * Which run a task works for.
 *
 * @param output URI of the folder for LoRAs and manifest, with scheme
 * @param committedBefore ids of the runs that had rows in the manifest when this one began
 */
public record RunIdentity(String id, String output, Set<String> committedBefore) implements Serializable {}
