#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"

void exports_mixmesh_adapter_lifecycle_describe(
    exports_mixmesh_adapter_lifecycle_description_t *ret) {
    adapter_string_dup(&ret->name, "probe");
    adapter_string_dup(&ret->version, "0.0.0");
    adapter_string_dup(&ret->summary, "");
    adapter_string_dup(&ret->parameters, "");
}

bool exports_mixmesh_adapter_lifecycle_configure(
    exports_mixmesh_adapter_lifecycle_configuration_t *configuration,
    exports_mixmesh_adapter_lifecycle_list_problem_t *err) {
    (void)err;
    exports_mixmesh_adapter_lifecycle_configuration_free(configuration);
    puts("a word of C");
    fflush(stdout);
    return true;
}

static const char *attempt(const char *word) {
    if (strcmp(word, "files") == 0) {
        return fopen("/etc/passwd", "r") == NULL && fopen("/tmp/probe", "w") == NULL ? "nothing"
                                                                                     : "a file";
    }
    if (strcmp(word, "environment") == 0) {
        return getenv("PATH") == NULL ? "nothing" : "PATH";
    }
    // wasi-libc has no sockets to try.
    return strcmp(word, "network") == 0 ? "nothing" : "";
}

bool exports_mixmesh_adapter_listentry_check(
    uint32_t instance,
    exports_mixmesh_adapter_listentry_value_t *value,
    exports_mixmesh_adapter_listentry_check_result_t *ret,
    exports_mixmesh_adapter_listentry_call_error_t *err) {
    (void)instance;
    (void)err;
    char word[32] = "";
    size_t len = value->val.text.len;
    memcpy(word, value->val.text.ptr, len < sizeof word ? len : sizeof word - 1);
    exports_mixmesh_adapter_listentry_value_free(value);
    if (strcmp(word, "crash") == 0) {
        __builtin_trap();
    }
    for (volatile bool is_looping = strcmp(word, "loop") == 0; is_looping;) {
    }
    const char *message = attempt(word);
    memset(ret, 0, sizeof *ret);
    ret->code = *message == '\0' ? 0 : 7;
    ret->valid_use_count.is_some = true;
    adapter_string_dup(&ret->message, message);
    return true;
}
