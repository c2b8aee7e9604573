// Shows something new to a share of the users, always to the same ones.
//
// The value it is asked for – a user, a session, an address – is hashed to a number from 0 to 99.99; those
// below `percent` pass. A larger share lets in everybody whom a smaller one did. Another `salt` chooses others,
// so that not always the same users are the first.

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "json.h"

// Codes of google.rpc.
enum { OK = 0, PERMISSION_DENIED = 7 };

// How long an answer may be used again for equal requests, in nanoseconds: a change of the share is another
// configuration, which is asked anew at once.
static const int64_t VALID_DURATION = 300 * INT64_C(1000000000);

// A hundredth of a percent is the smallest share.
static const uint64_t SHARES = 10000;

static const char SCHEMA[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"percent\"],\"properties\":{"
    "\"percent\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100,"
    "\"description\":\"The share of users who pass.\"},"
    "\"salt\":{\"type\":\"string\",\"description\":\"Chooses which users they are.\"},"
    "\"always\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
    "\"description\":\"Users who pass in any case.\"},"
    "\"message\":{\"type\":\"string\",\"description\":\"What the others are told. By default "
    "`not yet`.\"}}}";

// The parameters live as long as this instance of the component.
static const json *parameters;

void exports_mixmesh_adapter_lifecycle_describe(
    exports_mixmesh_adapter_lifecycle_description_t *ret) {
    adapter_string_dup(&ret->name, "rollout");
    adapter_string_dup(&ret->version, "0.1.0");
    adapter_string_dup(&ret->summary, "Shows something new to a share of the users.");
    adapter_string_dup(&ret->parameters, SCHEMA);
}

bool exports_mixmesh_adapter_lifecycle_configure(
    exports_mixmesh_adapter_lifecycle_configuration_t *configuration,
    exports_mixmesh_adapter_lifecycle_list_problem_t *err) {
    adapter_string_t given = configuration->parameters;
    parameters = json_parse((const char *)given.ptr, given.len);
    exports_mixmesh_adapter_lifecycle_configuration_free(configuration);
    if (parameters == NULL) {
        err->len = 1;
        err->ptr = malloc(sizeof *err->ptr);
        adapter_string_dup(&err->ptr->field, "");
        adapter_string_dup(&err->ptr->message, "there is no memory for them");
    }
    return parameters != NULL;
}

// FNV-1a: 64 bits, the low ones of which are good enough for shares.
static uint64_t hash(uint64_t so_far, const void *bytes, size_t len) {
    for (size_t at = 0; at < len; at++) {
        so_far = (so_far ^ ((const uint8_t *)bytes)[at]) * UINT64_C(0x100000001b3);
    }
    return so_far;
}

static bool is_listed(const json *names, const void *user, size_t len) {
    for (size_t at = 0; at < json_len(names); at++) {
        const char *name = json_text(json_at(names, at), "");
        if (strlen(name) == len && memcmp(name, user, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool passes(const void *user, size_t len) {
    if (is_listed(json_get(parameters, "always"), user, len)) {
        return true;
    }
    const char *salt = json_text(json_get(parameters, "salt"), "");
    // The NUL at its end keeps salt and user apart.
    uint64_t hashed = hash(UINT64_C(0xcbf29ce484222325), salt, strlen(salt) + 1);
    hashed = hash(hashed, user, len);
    double share = json_number(json_get(parameters, "percent"), 0) / 100;
    return (double)(hashed % SHARES) < share * (double)SHARES;
}

bool exports_mixmesh_adapter_listentry_check(
    uint32_t instance,
    exports_mixmesh_adapter_listentry_value_t *value,
    exports_mixmesh_adapter_listentry_check_result_t *ret,
    exports_mixmesh_adapter_listentry_call_error_t *err) {
    bool is_user = true;
    bool is_in = false;
    switch (value->tag) {
    case MIXMESH_ADAPTER_TYPES_VALUE_TEXT:
        is_in = passes(value->val.text.ptr, value->val.text.len);
        break;
    case MIXMESH_ADAPTER_TYPES_VALUE_IP_ADDRESS:
        is_in = passes(value->val.ip_address.ptr, value->val.ip_address.len);
        break;
    default:
        is_user = false;
    }
    exports_mixmesh_adapter_listentry_value_free(value);
    if (!is_user) {
        char message[80];
        snprintf(message, sizeof message, "instance %" PRIu32 " has no text or address", instance);
        err->fault = MIXMESH_ADAPTER_TYPES_FAULT_CALLER;
        err->retry = false;
        adapter_string_dup(&err->message, message);
        return false;
    }
    memset(ret, 0, sizeof *ret);
    ret->code = is_in ? OK : PERMISSION_DENIED;
    ret->valid_duration = VALID_DURATION;
    const char *message = json_text(json_get(parameters, "message"), "not yet");
    adapter_string_dup(&ret->message, is_in ? "" : message);
    return true;
}
