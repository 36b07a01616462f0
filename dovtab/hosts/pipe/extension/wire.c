/* Messages: the length of the body, what it is, and the body; little endian.
** dovtab/hosts/pipe/wire.py is the same in Python, and says what a value looks like. */
#include "dovtab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NULL_TAG, INTEGER_TAG, REAL_TAG, /* TEXT_TAG, */ BLOB_TAG = TEXT_TAG + 1, SET_TAG };

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are copied as they are in memory, and have to be little endian"
#endif

static void write_bytes(Writer *writer, const void *bytes, size_t size) {
    if (writer->failed) return;
    if (size > LARGEST_BODY || writer->size + size > LARGEST_BODY) {
        writer->failed = SQLITE_TOOBIG;
        return;
    }
    if (writer->size + size > writer->room) {
        size_t room = 2 * (writer->size + size) + 256;
        unsigned char *more = realloc(writer->bytes, room);
        if (more == NULL) {
            writer->failed = SQLITE_NOMEM;
            return;
        }
        writer->bytes = more;
        writer->room = room;
    }
    if (size > 0) memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

void writer_begin(Writer *writer, char kind) {
    unsigned char header[HEADER] = {0, 0, 0, 0, (unsigned char)kind};
    memset(writer, 0, sizeof *writer);
    write_bytes(writer, header, sizeof header);
}

void writer_end(Writer *writer) {
    uint32_t length = (uint32_t)(writer->size - HEADER);
    if (!writer->failed) memcpy(writer->bytes, &length, sizeof length);
}

void writer_free(Writer *writer) {
    free(writer->bytes);
    memset(writer, 0, sizeof *writer);
}

void write_u8(Writer *writer, unsigned number) {
    unsigned char byte = (unsigned char)number;
    write_bytes(writer, &byte, 1);
}

void write_u32(Writer *writer, uint32_t number) { write_bytes(writer, &number, sizeof number); }

void write_i64(Writer *writer, int64_t number) { write_bytes(writer, &number, sizeof number); }

static void write_sized(Writer *writer, const void *bytes, int size) {
    write_u32(writer, (uint32_t)size);
    write_bytes(writer, bytes, (size_t)size);
}

void write_text(Writer *writer, const char *text) {
    size_t size = strlen(text);
    write_u32(writer, (uint32_t)size);
    write_bytes(writer, text, size);
}

void write_value(Api *sqlite3_api, Writer *writer, sqlite3_value *value) {
    const void *bytes;
    double real;
    switch (sqlite3_value_type(value)) {
        case SQLITE_INTEGER:
            write_u8(writer, INTEGER_TAG);
            write_i64(writer, sqlite3_value_int64(value));
            return;
        case SQLITE_FLOAT:
            real = sqlite3_value_double(value);
            write_u8(writer, REAL_TAG);
            write_bytes(writer, &real, sizeof real);
            return;
        case SQLITE_TEXT:
        case SQLITE_BLOB:
            /* The bytes before how many: a conversion changes that. */
            if (sqlite3_value_type(value) == SQLITE_TEXT) {
                bytes = sqlite3_value_text(value);
                if (bytes == NULL) writer->failed = SQLITE_NOMEM;
                write_u8(writer, TEXT_TAG);
            } else {
                bytes = sqlite3_value_blob(value);
                write_u8(writer, BLOB_TAG);
            }
            write_sized(writer, bytes, sqlite3_value_bytes(value));
            return;
        default:
            write_u8(writer, NULL_TAG);
    }
}

size_t write_count(Writer *writer) {
    size_t at = writer->size;
    write_u32(writer, 0);
    return at;
}

void set_count(Writer *writer, size_t at, uint32_t count) {
    if (!writer->failed) memcpy(writer->bytes + at, &count, sizeof count);
}

/* https://sqlite.org/c3ref/vtab_in_first.html */
void write_set(Api *sqlite3_api, Writer *writer, sqlite3_value *set) {
    sqlite3_value *value = NULL;
    uint32_t count = 0;
    size_t at;
    int rc;
    write_u8(writer, SET_TAG);
    at = write_count(writer);
    for (rc = sqlite3_vtab_in_first(set, &value); rc == SQLITE_OK && value != NULL;
         rc = sqlite3_vtab_in_next(set, &value)) {
        write_value(sqlite3_api, writer, value);
        count++;
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE && !writer->failed) writer->failed = rc;
    set_count(writer, at, count);
}

static const unsigned char *read_bytes(Reader *reader, size_t size) {
    const unsigned char *bytes = reader->at;
    if (reader->bad || (size_t)(reader->end - reader->at) < size) {
        reader->bad = 1;
        return NULL;
    }
    reader->at += size;
    return bytes;
}

unsigned read_u8(Reader *reader) {
    const unsigned char *bytes = read_bytes(reader, 1);
    return bytes != NULL ? *bytes : 0;
}

#define READ_NUMBER(name, type)                                     \
    type name(Reader *reader) {                                     \
        const unsigned char *bytes = read_bytes(reader, sizeof(type)); \
        type number = 0;                                            \
        if (bytes != NULL) memcpy(&number, bytes, sizeof number);   \
        return number;                                              \
    }
READ_NUMBER(read_u32, uint32_t)
READ_NUMBER(read_i64, int64_t)
READ_NUMBER(read_double, double)

char *read_text(Reader *reader) {
    uint32_t size = read_u32(reader);
    const unsigned char *bytes = read_bytes(reader, size);
    char *text = bytes != NULL ? malloc((size_t)size + 1) : NULL;
    if (text == NULL) {
        reader->bad = 1;
        return NULL;
    }
    memcpy(text, bytes, size);
    text[size] = 0;
    return text;
}

const unsigned char *read_value(Reader *reader) {
    const unsigned char *value = reader->at;
    switch (read_u8(reader)) {
        case NULL_TAG:
            break;
        case INTEGER_TAG:
        case REAL_TAG:
            read_bytes(reader, 8);
            break;
        case TEXT_TAG:
        case BLOB_TAG:
            read_bytes(reader, read_u32(reader));
            break;
        default:
            reader->bad = 1;
    }
    return reader->bad ? NULL : value;
}

/* https://sqlite.org/c3ref/result_blob.html */
void result_value(Api *sqlite3_api, sqlite3_context *context, const unsigned char *value) {
    int64_t integer;
    double real;
    uint32_t size;
    switch (*value) {
        case INTEGER_TAG:
            memcpy(&integer, value + 1, sizeof integer);
            sqlite3_result_int64(context, integer);
            return;
        case REAL_TAG:
            memcpy(&real, value + 1, sizeof real);
            sqlite3_result_double(context, real);
            return;
        case TEXT_TAG:
            memcpy(&size, value + 1, sizeof size);
            sqlite3_result_text(context, (const char *)value + 5, (int)size, SQLITE_TRANSIENT);
            return;
        case BLOB_TAG:
            memcpy(&size, value + 1, sizeof size);
            sqlite3_result_blob(context, value + 5, (int)size, SQLITE_TRANSIENT);
            return;
        default:
            sqlite3_result_null(context);
    }
}

char *text_of(const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return strdup(text);
}
