"""A database as the predecessor leaves it behind: its tables, its statements, rows, and what years do to both."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

TABLES = [
    """CREATE TABLE isps (
        id INT PRIMARY KEY AUTO_INCREMENT,
        name VARCHAR(100),
        smsaccount VARCHAR(50),
        waaccount VARCHAR(50),
        pay_account_number VARCHAR(50),
        contact_phone VARCHAR(20),
        logo VARCHAR(100) NOT NULL DEFAULT 'none' COMMENT 'path: 100% theirs',
        KEY isp_names (name)
    ) DEFAULT CHARSET latin1""",
    """CREATE TABLE pppoe_users (
        id INT PRIMARY KEY AUTO_INCREMENT,
        full_name VARCHAR(255),
        username VARCHAR(100),
        account_name VARCHAR(100),
        amount DECIMAL(10,2) COMMENT 'KES; a month',
        router_id INT,
        isp_id INT,
        status ENUM('active', 'inactive'),
        next_payment_date DATE,
        phone VARCHAR(20),
        created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
        notes TEXT
    ) DEFAULT CHARSET latin1""",
    # No UNIQUE on TransID: somebody dropped it. id is referenced by a table of somebody's own.
    """CREATE TABLE paybill_payments (
        id INT PRIMARY KEY AUTO_INCREMENT,
        TransactionType VARCHAR(50),
        TransID VARCHAR(100),
        TransTime VARCHAR(50),
        TransAmount DECIMAL(10,2),
        BusinessShortCode VARCHAR(50),
        BillRefNumber VARCHAR(60),
        InvoiceNumber VARCHAR(100),
        OrgAccountBalance DECIMAL(10,2),
        ThirdPartyTransID VARCHAR(100),
        MSISDN VARCHAR(20),
        FirstName VARCHAR(100),
        received_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        checked_by VARCHAR(30) DEFAULT 'nobody',
        KEY checked (checked_by, received_at)
    ) DEFAULT CHARSET latin1""",
    """CREATE TABLE receipts (
        id INT PRIMARY KEY AUTO_INCREMENT,
        payment_id INT,
        number VARCHAR(20),
        FOREIGN KEY (payment_id) REFERENCES paybill_payments (id) ON DELETE CASCADE
    )""",
    """CREATE TABLE user_transactions_in (
        id INT PRIMARY KEY AUTO_INCREMENT,
        isp_id INT,
        pppoe_user_id INT,
        amount DECIMAL(10,2),
        method VARCHAR(50),
        reference VARCHAR(100),
        received_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
    )""",
    """CREATE TABLE isp_wallet (
        id INT PRIMARY KEY AUTO_INCREMENT,
        isp_id INT,
        balance DECIMAL(10,2) DEFAULT 0,
        last_updated TIMESTAMP DEFAULT CURRENT_TIMESTAMP
    )""",
    # Neither table of credits is known to have an id.
    "CREATE TABLE isp_credits (isp_id INT, sms_credits INT DEFAULT 0, whatsapp_credits INT DEFAULT 0)",
    "CREATE TABLE isp_credit (isp_id INT, sms_credits INT DEFAULT 0)",
    """CREATE TABLE credit_transactions (
        isp_id INT,
        transaction_type VARCHAR(20),
        credit_type ENUM('sms', 'whatsapp'),
        amount INT,
        unit_price DECIMAL(14,4),
        total_amount DECIMAL(10,2),
        reference VARCHAR(100),
        description TEXT
    )""",
    """CREATE TABLE payment_debug_log (
        id INT AUTO_INCREMENT PRIMARY KEY,
        transaction_id VARCHAR(255) NOT NULL,
        category VARCHAR(100) NOT NULL,
        message TEXT NOT NULL,
        details JSON,
        created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        KEY (transaction_id), KEY (category), KEY (created_at)
    ) DEFAULT CHARSET latin1""",
]

ROWS = [
    """INSERT INTO isps (id, name, smsaccount, waaccount, pay_account_number, contact_phone) VALUES
        (1, 'Demo Networks', 'sms 001', 'WA001', 'acc001', '0711000001'),
        (2, 'Café Réseau', NULL, NULL, NULL, NULL),
        (7, NULL, 'SMS007', '', 'ACC 007', '')""",
    """INSERT INTO pppoe_users (full_name, username, account_name, amount, router_id, isp_id, status,
                                next_payment_date, phone, created_at, notes) VALUES
        ('Amina', '0949AQ', ' 0949 aq', 1000, 1, 1, 'inactive', '2024-01-31', '0712345678', '2024-01-01', 'x'),
        ('Zoé', NULL, '12bc', 500.50, NULL, 7, NULL, NULL, NULL, NULL, NULL),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2024-01-01', NULL),
        ('Zero', 'zero', '33ZZ', 100, 1, 1, 'inactive', '0000-00-00', '', '0000-00-00 00:00:00', NULL),
        ('For Ever', 'ever', '44EV', 100, 1, 1, 'active', '9999-12-31', '', '2024-01-01', NULL)""",
    """INSERT INTO paybill_payments
        (id, TransID, TransAmount, BusinessShortCode, BillRefNumber, MSISDN, FirstName) VALUES
        (1, 'TKE1', 1000, '600100', '0949AQ', '254712345678', 'AMINA'),
        (2, 'TKE2', 500.50, '600100', '12bc', '2547***', 'Zoé'),
        (3, 'TKE2', 500.50, '600100', '12bc', '2547***', 'Zoé'),
        (4, 'tke2', 500.50, '600100', '12bc', NULL, NULL),
        (5, 'TKE3 ', 99.99, '600100', 'HELLO', NULL, NULL),
        (6, NULL, 5, NULL, NULL, NULL, NULL),
        (7, NULL, NULL, NULL, NULL, NULL, NULL),
        (8, 'TKE2', 1, '600100', 'other', NULL, NULL)""",
    "INSERT INTO receipts (payment_id, number) VALUES (1, 'R1'), (2, 'R2'), (3, 'R3'), (8, 'R8'), (NULL, 'R0')",
    """INSERT INTO isp_wallet (isp_id, balance) VALUES
        (1, 1000.25), (2, 99999999.99), (1, 500.50), (1, NULL), (NULL, 3), (NULL, 4), (7, NULL)""",
    "INSERT INTO isp_credits VALUES (1, 10, 20), (1, NULL, 5), (2, NULL, NULL), (NULL, 1, 1)",
    "INSERT INTO isp_credit VALUES (1, 100), (1, 11), (7, 7), (2, 0), (7, NULL)",
    """INSERT INTO user_transactions_in (isp_id, pppoe_user_id, amount, method, reference) VALUES
        (1, 1, 1000, 'mpesa', 'TKE1')""",
    """INSERT INTO credit_transactions VALUES
        (1, 'purchase', 'sms', 111, 0.5000, 55.50, 'TKE0', 'naïve'),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""",
    """INSERT INTO payment_debug_log (transaction_id, category, message, details) VALUES
        ('TKE1', 'PAYMENT_RECEIVED', 'Reçu', '{"a": 1}'), ('TKE1', 'FATAL_ERROR', '', NULL)""",
]

# What its code does to a payment today, statement by statement.
INSERT_PAYMENT = """INSERT INTO paybill_payments (TransactionType, TransID, TransTime, TransAmount, BusinessShortCode,
    BillRefNumber, InvoiceNumber, OrgAccountBalance, ThirdPartyTransID, MSISDN, FirstName)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
FIND_CUSTOMER = """SELECT p.*, r.router_name, r.local_ip FROM pppoe_users p LEFT JOIN routers r ON p.router_id = r.id
    WHERE p.account_name = %s"""
INSERT_TRANSACTION = """INSERT INTO user_transactions_in (isp_id, pppoe_user_id, amount, method, reference, received_at)
    VALUES (%s, %s, %s, 'mpesa', %s, NOW())"""
ADD_TO_WALLET = """INSERT INTO isp_wallet (isp_id, balance, last_updated) VALUES (%s, %s, NOW())
    ON DUPLICATE KEY UPDATE balance = balance + VALUES(balance), last_updated = NOW()"""
MOVE_DATE = """UPDATE pppoe_users SET status = 'active', last_reconnected_at = NOW(), next_payment_date =
    DATE_ADD(IF(next_payment_date > CURDATE(), next_payment_date, CURDATE()), INTERVAL 1 MONTH) WHERE id = %s"""
BUY_CREDITS = "UPDATE isp_credits SET whatsapp_credits = whatsapp_credits + %s WHERE isp_id = %s"
INSERT_PURCHASE = """INSERT INTO credit_transactions (isp_id, transaction_type, credit_type, amount, unit_price,
    total_amount, reference, description) VALUES (%s, 'purchase', %s, %s, %s, %s, %s, %s)"""
INSERT_STEP = "INSERT INTO payment_debug_log (transaction_id, category, message, details) VALUES (%s, %s, %s, %s)"
FIND_ISP = "SELECT id, name, contact_phone FROM isps WHERE smsaccount = %s"
READ_LOG = "SELECT * FROM payment_debug_log WHERE transaction_id = %s ORDER BY created_at DESC"


def build(engine: sa.Engine) -> None:
    """Create its tables with the rows."""
    with engine.begin() as connection:
        # It never asked for a strict server, so zero dates are there.
        mode = connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar_one()
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        for statement in [*TABLES, *ROWS]:
            connection.exec_driver_sql(statement.replace("%", "%%"))
        connection.exec_driver_sql("SET SESSION sql_mode = %s", (mode,))


def read(engine: sa.Engine, table: str, columns: Sequence[str] = (), order: str = "1") -> list[tuple[Any, ...]]:
    """Rows as it would read them."""
    names = ", ".join(columns) or "*"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {names} FROM {table} ORDER BY {order}")]


def columns_of(engine: sa.Engine, table: str) -> list[str]:
    """The names of a table's columns in their order."""
    return [column["name"] for column in sa.inspect(engine).get_columns(table)]
