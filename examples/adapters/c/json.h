// Reads JSON: a handler's parameters. The host has checked them against the schema of `describe` before, so
// that a value is as the schema says it is, or not there.

#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

// A value. NULL stands for one that is not there, in all functions below.
typedef struct json json;

// The value that `text` stands for, or NULL when it is no JSON. It lives until `json_free`.
json *json_parse(const char *text, size_t len);
void json_free(json *value);

// A member of an object, or NULL.
const json *json_get(const json *object, const char *name);
// How many elements a list or members an object has.
size_t json_len(const json *value);
// An element of a list, or NULL.
const json *json_at(const json *list, size_t at);
// Text, UTF-8 and ended by NUL, or `otherwise` when the value is none.
const char *json_text(const json *value, const char *otherwise);
// A number, or `otherwise` when the value is none.
double json_number(const json *value, double otherwise);
bool json_is_true(const json *value);

#endif
