#include "json.h"

#include <stdlib.h>
#include <string.h>

// Lists in lists; parameters have two or three.
#define MAX_DEPTH 64

enum kind { NOTHING, TRUTH, NUMBER, TEXT, LIST, OBJECT };

struct json {
    enum kind kind;
    // Of a member of an object.
    char *name;
    // Of a text.
    char *text;
    // Of a number or truth.
    double number;
    // The first of a list or object, and the next of the same.
    json *first;
    json *next;
};

struct reader {
    const char *at;
    const char *end;
    int depth;
};

static json *value(struct reader *in);

static void skip_space(struct reader *in) {
    while (in->at < in->end && strchr(" \t\r\n", *in->at) != NULL && *in->at != '\0') {
        in->at++;
    }
}

static bool take(struct reader *in, char wanted) {
    skip_space(in);
    bool is_there = in->at < in->end && *in->at == wanted;
    in->at += is_there;
    return is_there;
}

static bool take_word(struct reader *in, const char *word) {
    size_t len = strlen(word);
    bool is_there = (size_t)(in->end - in->at) >= len && memcmp(in->at, word, len) == 0;
    in->at += is_there ? len : 0;
    return is_there;
}

static json *make(enum kind kind) {
    json *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->kind = kind;
    }
    return made;
}

// Four hexadecimal digits, or -1.
static long code_unit(struct reader *in) {
    long unit = 0;
    for (int digit = 0; digit < 4; digit++) {
        if (in->at == in->end) {
            return -1;
        }
        char c = *in->at++;
        unit *= 16;
        if (c >= '0' && c <= '9') {
            unit += c - '0';
        } else if (c >= 'a' && c <= 'f') {
            unit += c - 'a' + 10;
        } else if (c >= 'A' && c <= 'F') {
            unit += c - 'A' + 10;
        } else {
            return -1;
        }
    }
    return unit;
}

static char *put_utf8(char *out, long c) {
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

// What follows `\u`; half of a pair alone becomes the sign for what cannot be shown.
static char *put_escaped_unit(struct reader *in, char *out) {
    long c = code_unit(in);
    if (c < 0) {
        return NULL;
    }
    if (c >= 0xd800 && c < 0xdc00 && take_word(in, "\\u")) {
        long low = code_unit(in);
        if (low < 0xdc00 || low >= 0xe000) {
            return NULL;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xd800 && c < 0xe000) {
        c = 0xfffd;
    }
    return put_utf8(out, c);
}

// The text that begins after a quote that was taken; NULL when it does not end.
static char *text(struct reader *in) {
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    // What is escaped becomes shorter.
    char *made = malloc((size_t)(in->end - in->at) + 1);
    char *out = made;
    while (made != NULL && in->at < in->end) {
        char c = *in->at++;
        if (c == '"') {
            *out = '\0';
            return made;
        }
        if (c != '\\') {
            *out++ = c;
            continue;
        }
        if (in->at == in->end) {
            break;
        }
        c = *in->at++;
        const char *escape = c == '\0' ? NULL : strchr(escapes, c);
        if (escape != NULL) {
            *out++ = meanings[escape - escapes];
        } else if (c != 'u' || (out = put_escaped_unit(in, out)) == NULL) {
            break;
        }
    }
    free(made);
    return NULL;
}

static json *number(struct reader *in) {
    char digits[64];
    size_t len = 0;
    while (in->at < in->end && *in->at != '\0' && strchr("+-.0123456789eE", *in->at) != NULL) {
        if (len + 1 == sizeof digits) {
            return NULL;
        }
        digits[len++] = *in->at++;
    }
    digits[len] = '\0';
    char *end;
    double read = strtod(digits, &end);
    json *made = len > 0 && *end == '\0' ? make(NUMBER) : NULL;
    if (made != NULL) {
        made->number = read;
    }
    return made;
}

// The elements or members up to `close`.
static json *several(struct reader *in, enum kind kind, char close) {
    json *made = make(kind);
    json **next = made == NULL ? NULL : &made->first;
    if (made == NULL || take(in, close)) {
        return made;
    }
    do {
        char *name = NULL;
        if (kind == OBJECT && (!take(in, '"') || (name = text(in)) == NULL || !take(in, ':'))) {
            free(name);
            break;
        }
        *next = value(in);
        if (*next == NULL) {
            free(name);
            break;
        }
        (*next)->name = name;
        next = &(*next)->next;
        if (take(in, close)) {
            return made;
        }
    } while (take(in, ','));
    json_free(made);
    return NULL;
}

static json *value(struct reader *in) {
    json *made = NULL;
    if (++in->depth > MAX_DEPTH) {
        return NULL;
    }
    if (take(in, '{')) {
        made = several(in, OBJECT, '}');
    } else if (take(in, '[')) {
        made = several(in, LIST, ']');
    } else if (take(in, '"')) {
        char *read = text(in);
        made = read == NULL ? NULL : make(TEXT);
        if (made == NULL) {
            free(read);
        } else {
            made->text = read;
        }
    } else if (take_word(in, "true")) {
        made = make(TRUTH);
        if (made != NULL) {
            made->number = 1;
        }
    } else if (take_word(in, "false")) {
        made = make(TRUTH);
    } else if (take_word(in, "null")) {
        made = make(NOTHING);
    } else {
        made = number(in);
    }
    in->depth--;
    return made;
}

json *json_parse(const char *text, size_t len) {
    struct reader in = {.at = text, .end = text + len, .depth = 0};
    json *read = value(&in);
    skip_space(&in);
    if (in.at != in.end) {
        json_free(read);
        return NULL;
    }
    return read;
}

void json_free(json *value) {
    while (value != NULL) {
        json *next = value->next;
        json_free(value->first);
        free(value->name);
        free(value->text);
        free(value);
        value = next;
    }
}

const json *json_get(const json *object, const char *name) {
    if (object == NULL || object->kind != OBJECT) {
        return NULL;
    }
    const json *member = object->first;
    while (member != NULL && strcmp(member->name, name) != 0) {
        member = member->next;
    }
    return member;
}

size_t json_len(const json *value) {
    size_t len = 0;
    for (const json *at = value == NULL ? NULL : value->first; at != NULL; at = at->next) {
        len++;
    }
    return len;
}

const json *json_at(const json *list, size_t at) {
    const json *element = list == NULL ? NULL : list->first;
    while (element != NULL && at-- > 0) {
        element = element->next;
    }
    return element;
}

const char *json_text(const json *value, const char *otherwise) {
    return value != NULL && value->kind == TEXT ? value->text : otherwise;
}

double json_number(const json *value, double otherwise) {
    return value != NULL && value->kind == NUMBER ? value->number : otherwise;
}

bool json_is_true(const json *value) {
    return value != NULL && value->kind == TRUTH && value->number != 0;
}
