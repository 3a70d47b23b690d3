package org.i2lspark.torch;

import ai.djl.engine.EngineException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** Watches the tensors that are made between its opening and its closing, and can make their making fail. */
public final class NativeMemoryProbe implements AutoCloseable {
    private final long tensorsBefore = NativeMemory.tensors();
    private final long elementsBefore = NativeMemory.elements();
    private final AtomicInteger made = new AtomicInteger();
    private final AtomicLong peak = new AtomicLong();

    private NativeMemoryProbe(int failing, long limit, Supplier<? extends Throwable> fault) {
        NativeMemory.watch(elements -> {
            long more = elements - elementsBefore;
            peak.accumulateAndGet(more, Math::max);
            if (made.incrementAndGet() == failing || more > limit) {
                NativeMemoryProbe.<RuntimeException>raise(fault.get());
            }
        });
    }

    public static NativeMemoryProbe open() {
        return new NativeMemoryProbe(0, Long.MAX_VALUE, AssertionError::new);
    }

    /** The making of tensor {@code failing}, counted from 1, fails. */
    public static NativeMemoryProbe failingAt(int failing, Supplier<? extends Throwable> fault) {
        return new NativeMemoryProbe(failing, Long.MAX_VALUE, fault);
    }

    /** A device that holds this many elements more than now. */
    public static NativeMemoryProbe ofMemory(long elements) {
        return new NativeMemoryProbe(0, elements, NativeMemoryProbe::outOfMemory);
    }

    /** What libtorch says when the CPU's memory is short. */
    public static EngineException outOfMemory() {
        return new EngineException(
                "[enforce fail at alloc_cpu.cpp:119] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.");
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void raise(Throwable fault) throws E {
        throw (E) fault;
    }

    /** Tensors made until now. */
    public int made() {
        return made.get();
    }

    /** The most elements that there were at a time, beyond those at the opening. */
    public long peak() {
        return peak.get();
    }

    /** Tensors that are not closed, beyond those at the opening. */
    public long tensors() {
        return NativeMemory.tensors() - tensorsBefore;
    }

    /** Elements that are not freed, beyond those at the opening. */
    public long elements() {
        return NativeMemory.elements() - elementsBefore;
    }

    @Override
    public void close() {
        NativeMemory.watch(elements -> {});
    }
}
