/* SPDX-License-Identifier: BSD-2-Clause */
/* drivers/pure/disk.c, disks.c: nothing outside of a partition, names, claims that exclude each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/pure/disk.h"

static struct disk a, b;
static struct disk_view whole_a, whole_b, views_a[4], views_b[2];
static struct disks all;
static struct partition_table table;
static enum blk_submit answer;
static unsigned submitted, resumed;
static uint64_t last_sector;
static char why[DISK_WHY];

static enum blk_submit submit(struct disk *d, struct blk_request *r, uint64_t sector)
{
    submitted++;
    last_sector = sector;
    return answer;
}

static const struct disk_ops ops = { submit, NULL, NULL };

static void resume(void *owner) { resumed++; }

static void make(struct disk *d, struct disk_view *whole, struct disk_view *views, const char *name, const char *serial)
{
    struct blk blk = { .sectors = 10000, .block_size = 512 };
    strcpy(blk.serial, serial);
    memset(d, 0, sizeof(*d));
    d->ops = &ops;
    d->kind = "virtio-blk";
    strcpy(d->model, "virtio-blk");
    disk_init(d, whole, name, &blk);
    disk_set_partitions(d, views, &table);
    assert_true(disks_add(&all, d));
}

static int setup(void **unused)
{
    memset(&all, 0, sizeof(all));
    table = (struct partition_table){ .kind = PARTITION_TABLE_MBR, .count = 3, .part = {
        { 100, 50, 1, "cafe-01" }, { 200, 800, 2, "cafe-02" }, { 900, 100, 5, "cafe-05" } } };
    make(&a, &whole_a, views_a, "vda", "ONE");
    table.count = 1;
    table.part[0] = (struct partition){ 10, 9990, 1, "beef-01" };
    make(&b, &whole_b, views_b, "nvme0n1", "TWO");
    submitted = resumed = 0;
    answer = BLK_STARTED;
    return 0;
}

static enum blk_submit ask(struct disk_view *v, enum blk_op op, uint64_t sector, uint64_t sectors, struct blk_request *r)
{
    *r = (struct blk_request){ .op = op, .sector = sector, .sectors = sectors };
    return v->blk.ops->submit(&v->blk, r);
}

static void refused(struct disk_view *v, enum blk_op op, uint64_t sector, uint64_t sectors)
{
    struct blk_request r;
    unsigned before = submitted;
    assert_int_equal(ask(v, op, sector, sectors, &r), BLK_DONE);
    assert_int_equal(r.result, BLK_IOERR);
    assert_int_equal(submitted, before);
}

static void test_inside(void **unused)
{
    struct blk_request r;
    assert_int_equal(ask(&views_a[1], BLK_WRITE, 0, 50, &r), BLK_STARTED);
    assert_int_equal(last_sector, 100);
    assert_int_equal(r.sector, 0);              /* the submitter's own */
    assert_int_equal(ask(&views_a[1], BLK_READ, 49, 1, &r), BLK_STARTED);
    assert_int_equal(last_sector, 149);
    assert_int_equal(ask(&views_a[0], BLK_READ, 9999, 1, &r), BLK_STARTED);
    assert_int_equal(last_sector, 9999);
    assert_int_equal(ask(&views_a[1], BLK_FLUSH, 0, 0, &r), BLK_STARTED);
    assert_int_equal(views_a[1].blk.writes, 1);
    assert_int_equal(views_a[1].blk.written_bytes, 50 * 512);
    assert_int_equal(views_a[1].blk.reads, 1);
}

static void test_outside(void **unused)
{
    static const enum blk_op op[] = { BLK_READ, BLK_WRITE, BLK_DISCARD, BLK_WRITE_ZEROES };
    for (unsigned i = 0; i < 4; i++) {
        refused(&views_a[1], op[i], 0, 51);
        refused(&views_a[1], op[i], 49, 2);
        refused(&views_a[1], op[i], 50, 1);
        refused(&views_a[1], op[i], 0, 0);
        refused(&views_a[1], op[i], ~0ull, 1);
        refused(&views_a[1], op[i], ~0ull, 2);
        refused(&views_a[1], op[i], ~0ull - 99, 101);   /* where first + sector wraps */
        refused(&views_a[1], op[i], 1, ~0ull);
        refused(&views_a[0], op[i], 9999, 2);
    }
    assert_int_equal(views_a[1].blk.errors, 4 * 8);
}

static void test_readonly(void **unused)
{
    struct blk_request r;
    views_a[1].blk.readonly = true;
    refused(&views_a[1], BLK_WRITE, 0, 1);
    refused(&views_a[1], BLK_DISCARD, 0, 1);
    refused(&views_a[1], BLK_WRITE_ZEROES, 0, 1);
    assert_int_equal(ask(&views_a[1], BLK_READ, 0, 1, &r), BLK_STARTED);
    assert_int_equal(ask(&views_a[1], BLK_FLUSH, 0, 0, &r), BLK_STARTED);
}

static void test_room(void **unused)
{
    struct blk_request r;
    views_a[1].blk.resume = views_a[2].blk.resume = resume;
    answer = BLK_BUSY;
    assert_int_equal(ask(&views_a[1], BLK_READ, 0, 1, &r), BLK_BUSY);
    assert_int_equal(views_a[1].blk.reads, 0);
    disk_room(&a);
    disk_room(&a);
    assert_int_equal(resumed, 1);               /* who was refused, once */
}

static struct disk_view *find(enum config_device_kind kind, const char *name, hv_status expected)
{
    struct disk_view *v;
    assert_int_equal(disks_find(&all, kind, name, &v), expected);
    return v;
}

static void test_names(void **unused)
{
    assert_ptr_equal(find(CONFIG_DEVICE_NAME, "vda", HV_OK), &views_a[0]);
    assert_ptr_equal(find(CONFIG_DEVICE_NAME, "vda5", HV_OK), &views_a[3]);
    assert_ptr_equal(find(CONFIG_DEVICE_NAME, "nvme0n1p1", HV_OK), &views_b[1]);
    assert_ptr_equal(find(CONFIG_DEVICE_PARTUUID, "beef-01", HV_OK), &views_b[1]);
    assert_ptr_equal(find(CONFIG_DEVICE_SERIAL, "TWO", HV_OK), &views_b[0]);
    find(CONFIG_DEVICE_NAME, "vda3", HV_NOT_FOUND);
    find(CONFIG_DEVICE_PARTUUID, "", HV_NOT_FOUND);
    find(CONFIG_DEVICE_SERIAL, "THREE", HV_NOT_FOUND);
    strcpy(views_b[1].partuuid, "cafe-05");     /* a copied disk */
    find(CONFIG_DEVICE_PARTUUID, "cafe-05", HV_EXISTS);
    views_a[0].blk.serial[0] = views_b[0].blk.serial[0] = 0;
    find(CONFIG_DEVICE_SERIAL, "", HV_NOT_FOUND);
}

static void conflicts(struct disk_view *v, bool writable, const char *first, const char *second)
{
    assert_int_equal(disk_claim(v, writable, "new", why), HV_EXISTS);
    if (!strstr(why, first) || !strstr(why, second) || !strstr(why, "old"))
        fail_msg("%s", why);
}

static void test_claims(void **unused)
{
    assert_int_equal(disk_claim(&views_a[2], true, "old", why), HV_OK);
    conflicts(&views_a[2], true, "vda2", "old");
    conflicts(&views_a[2], false, "vda2", "old");
    conflicts(&views_a[0], false, "vda", "vda2");       /* the disk with its partition */
    conflicts(&views_a[3], false, "vda5", "vda2");      /* partitions that overlap */
    assert_int_equal(disk_claim(&views_a[1], true, "new", why), HV_OK);
    assert_int_equal(disk_claim(&views_b[0], true, "new", why), HV_OK);
    disk_release(&views_a[2], "other");                 /* not its own */
    conflicts(&views_a[3], false, "vda5", "vda2");
    disk_release(&views_a[2], "old");
    assert_int_equal(disk_claim(&views_a[3], true, "new", why), HV_OK);
}

static void test_readers_share(void **unused)
{
    char who[64];
    assert_int_equal(disk_claim(&views_a[0], false, "old", why), HV_OK);
    assert_int_equal(disk_claim(&views_a[0], false, "two", why), HV_OK);
    assert_int_equal(disk_claim(&views_a[1], false, "three", why), HV_OK);
    conflicts(&views_a[1], true, "vda1", "vda");
    disk_owners(&views_a[0], who, sizeof(who));
    assert_string_equal(who, "old, two");
    disk_owners(&views_a[2], who, sizeof(who));
    assert_string_equal(who, "-");
    views_a[2].blk.readonly = true;
    assert_int_equal(disk_claim(&views_a[2], true, "new", why), HV_PERM);
    for (unsigned i = 3; i < DISK_CLAIMS; i++)
        assert_int_equal(disk_claim(&views_a[2], false, "many", why), HV_OK);
    assert_int_equal(disk_claim(&views_a[2], false, "one more", why), HV_NOMEM);
}

static void test_text(void **unused)
{
    char size[DISK_SIZE_TEXT], text[128];
    assert_string_equal(disk_size_text(2, size), "1.0 KiB");
    assert_string_equal(disk_size_text(2 * 1024 * 1024, size), "1.0 GiB");
    assert_string_equal(disk_size_text(3 * 1024 * 1024, size), "1.5 GiB");
    assert_string_equal(disk_size_text(2047, size), "1023.0 KiB");
    assert_string_equal(disk_size_text(~0ull, size), "8388607.9 PiB");
    disk_describe(&views_a[2], text, sizeof(text));
    assert_string_equal(text, "vda2 (partition of vda, virtio-blk, 400.0 KiB, serial ONE)");
    disk_describe(&views_b[0], text, sizeof(text));
    assert_string_equal(text, "nvme0n1 (virtio-blk, 4.8 MiB, serial TWO)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_inside, setup), cmocka_unit_test_setup(test_outside, setup),
        cmocka_unit_test_setup(test_readonly, setup), cmocka_unit_test_setup(test_room, setup),
        cmocka_unit_test_setup(test_names, setup), cmocka_unit_test_setup(test_claims, setup),
        cmocka_unit_test_setup(test_readers_share, setup), cmocka_unit_test_setup(test_text, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
