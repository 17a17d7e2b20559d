/*
 * Notes of records that went.
 */
#include "store/store_gone.h"

#include <string.h>

#include "store/store_priv.h"

static struct record_gone *
gone_place(struct gone_list *gone)
{
    if (gone->count == gone->size) {
        size_t size = gone->size ? gone->size * 2 : 64;
        struct record_gone *rows = ARENA_ARRAY(gone->arena, struct record_gone, size);
        if (!rows)
            return NULL;
        if (gone->count)
            memcpy(rows, gone->rows, gone->count * sizeof(*rows));
        gone->rows = rows;
        gone->size = size;
    }
    return &gone->rows[gone->count];
}

bool
gone_add(struct gone_list *gone, int64_t record, struct db_rows *rows, unsigned column)
{
    struct record_gone *place = gone ? gone_place(gone) : NULL;
    if (!place)
        return gone == NULL;
    *place = (struct record_gone){record, db_column_i64(rows, column), db_column_text_copy(rows, column + 1, gone->arena)};
    if (str_is_none(place->data))
        return false;
    gone->count++;
    return true;
}
