/* Reading and emitting images by tables of words (model/image.c). Not for anybody else. */
#ifndef MODEL_IMAGE_WORD_H
#define MODEL_IMAGE_WORD_H

#include "model/image.h"
#include "model/words.h"

/* What is read into: an image and where its parts come from. */
struct image_reading {
    struct image image;
    struct image_source source;
    bool firmware_set;
};

extern const struct words image_fleet_words;
/* Emitted from the struct image that a struct image_reading begins with. */
extern const struct words image_record_words;

#endif
