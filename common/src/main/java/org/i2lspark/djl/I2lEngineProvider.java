package org.i2lspark.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineProvider;

/** Tells DJL of the engine {@code I2L}, which is never the default one. Nothing is loaded until it is asked for. */
public final class I2lEngineProvider implements EngineProvider {
    @Override
    public String getEngineName() {
        return I2lEngine.NAME;
    }

    @Override
    public int getEngineRank() {
        return I2lEngine.RANK;
    }

    /**
     * {@inheritDoc}
     *
     * @throws ai.djl.engine.EngineException if this process can have no libtorch, saying what to do about it
     */
    @Override
    public Engine getEngine() {
        return Holder.ENGINE;
    }

    private static final class Holder {
        static final Engine ENGINE = new I2lEngine();
    }
}
