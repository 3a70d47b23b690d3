package org.i2lspark.jobs.options;

import org.i2lspark.model.BaseModel;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the name of a base model. */
public final class BaseModelConverter implements ITypeConverter<BaseModel> {
    @Override
    public BaseModel convert(String id) {
        try {
            return BaseModel.of(id);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
