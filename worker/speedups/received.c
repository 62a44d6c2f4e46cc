/* Reads {"Messages":[...]} of at most ten messages: an id, a handle, a body and its hash, what the queue says of it, and
 * attributes of text. Fields come in any order, each once; one doubt, and the answer is left to Python.
 */
#include "received.h"

#include <string.h>

#define HASH_SIZE 32
#define LONGEST_NUMBER 128 /* digits; SQS promises no more, and Python reads no more than some thousands */

/* *once* a bit of *seen*: whether it was not set yet. */
static int first_time(unsigned *seen, unsigned once)
{
    int first = !(*seen & once);
    *seen |= once;
    return first;
}

/* In ASCII, and without escapes. */
static int is_plain(const Text *text)
{
    return text->ascii && !text->escaped;
}

static int is_word(const Text *text)
{
    return text->size > 0 && is_plain(text);
}

static int is_number(const Text *text)
{
    for (size_t i = 0; i < text->size; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return 0;
        }
    }
    return text->size > 0 && text->size <= LONGEST_NUMBER;
}

static int read_plain(Reader *reader, Text *text)
{
    return read_text(reader, text) && is_plain(text);
}

static int read_system_attribute(Reader *reader, ReceivedMessage *message, unsigned *seen)
{
    if (READ(reader, "\"SentTimestamp\":")) {
        return first_time(seen, 1) && read_count(reader, &message->sent_milliseconds);
    }
    if (READ(reader, "\"ApproximateReceiveCount\":")) {
        return first_time(seen, 2) && read_count(reader, &message->count);
    }
    if (READ(reader, "\"MessageGroupId\":")) {
        return first_time(seen, 4) && read_plain(reader, &message->group);
    }
    if (READ(reader, "\"MessageDeduplicationId\":")) {
        return first_time(seen, 8) && read_plain(reader, &message->deduplication);
    }
    if (READ(reader, "\"SequenceNumber\":")) {
        return first_time(seen, 16) && read_plain(reader, &message->sequence) && is_number(&message->sequence);
    }
    return READ(reader, "\"AWSTraceHeader\":") && first_time(seen, 32) && read_plain(reader, &message->trace);
}

static int read_system_attributes(Reader *reader, ReceivedMessage *message)
{
    unsigned seen = 0;
    do {
        if (!read_system_attribute(reader, message, &seen)) {
            return 0;
        }
    } while (READ(reader, ","));
    return READ(reader, "}") && (seen & 3) == 3;
}

/* Type and value, both texts; bytes are left to Python, and what says that it is bytes. */
static int read_attribute(Reader *reader, ReceivedAttribute *attribute)
{
    unsigned seen = 0;
    if (!read_text(reader, &attribute->name) || attribute->name.escaped || !READ(reader, ":{")) {
        return 0;
    }
    do {
        if (READ(reader, "\"DataType\":")) {
            if (!first_time(&seen, 1) || !read_plain(reader, &attribute->type)) {
                return 0;
            }
        } else if (!READ(reader, "\"StringValue\":") || !first_time(&seen, 2) ||
                   !read_text(reader, &attribute->value) || attribute->value.escaped) {
            return 0;
        }
    } while (READ(reader, ","));
    return READ(reader, "}") && seen == 3 &&
           !(attribute->type.size >= 6 && memcmp(attribute->type.data, "Binary", 6) == 0);
}

static int has_name(const ReceivedMessage *message, const Text *name)
{
    for (int i = 0; i < message->attribute_count; i++) {
        const Text *other = &message->attributes[i].name;
        if (other->size == name->size && memcmp(other->data, name->data, name->size) == 0) {
            return 1;
        }
    }
    return 0;
}

static int read_attributes(Reader *reader, ReceivedMessage *message)
{
    do {
        ReceivedAttribute *next = &message->attributes[message->attribute_count];
        if (message->attribute_count == MOST_ATTRIBUTES || !read_attribute(reader, next) ||
            has_name(message, &next->name)) {
            return 0;
        }
        message->attribute_count++;
    } while (READ(reader, ","));
    return READ(reader, "}");
}

static int read_field(Reader *reader, ReceivedMessage *message, unsigned *seen)
{
    Text unread;
    if (READ(reader, "\"MessageId\":")) {
        return first_time(seen, 1) && read_text(reader, &message->id) && is_word(&message->id);
    }
    if (READ(reader, "\"ReceiptHandle\":")) {
        return first_time(seen, 2) && read_text(reader, &message->handle) && is_word(&message->handle);
    }
    if (READ(reader, "\"MD5OfBody\":")) {
        return first_time(seen, 4) && read_text(reader, &message->hash) && message->hash.size == HASH_SIZE;
    }
    if (READ(reader, "\"Body\":")) {
        return first_time(seen, 8) && read_text(reader, &message->body);
    }
    if (READ(reader, "\"Attributes\":{")) {
        return first_time(seen, 16) && read_system_attributes(reader, message);
    }
    if (READ(reader, "\"MessageAttributes\":{")) {
        return first_time(seen, 32) && read_attributes(reader, message);
    }
    return READ(reader, "\"MD5OfMessageAttributes\":") && first_time(seen, 64) && read_plain(reader, &unread);
}

static int read_message(Reader *reader, ReceivedMessage *message)
{
    unsigned seen = 0;
    message->group.data = message->deduplication.data = message->sequence.data = message->trace.data = NULL;
    message->attribute_count = 0;
    if (!READ(reader, "{")) {
        return 0;
    }
    do {
        if (!read_field(reader, message, &seen)) {
            return 0;
        }
    } while (READ(reader, ","));
    return READ(reader, "}") && (seen & 31) == 31;
}

int read_messages(Reader *reader, ReceivedMessage *messages)
{
    int count = 0;
    if (!READ(reader, "{\"Messages\":[")) {
        return 0;
    }
    do {
        if (count == MOST_MESSAGES || !read_message(reader, &messages[count])) {
            return 0;
        }
        count++;
    } while (READ(reader, ","));
    return READ(reader, "]}") && reader->at == reader->end ? count : 0;
}
