package org.i2lspark.model;

/** The releases of Qwen-Image that have one graph and one layout: their place alone tells them apart. */
public enum QwenImageRelease {
    QWEN_IMAGE("Qwen-Image"),
    QWEN_IMAGE_2512("Qwen-Image-2512");

    private final String title;

    QwenImageRelease(String title) {
        this.title = title;
    }

    /** The name under which it was released. */
    public String title() {
        return title;
    }

    /** A file or folder of this release, below a model folder that mirrors the hub's folders. */
    public String path(String name) {
        return "Qwen/" + title + "/" + name;
    }
}
