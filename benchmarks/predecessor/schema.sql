-- The predecessor's tables as its document gives them. Added in its favour: the index on account_name, without
-- which every payment would scan all customers.
CREATE TABLE isps (
    id INT PRIMARY KEY AUTO_INCREMENT,
    name VARCHAR(255),
    smsaccount VARCHAR(100),
    waaccount VARCHAR(100),
    pay_account_number VARCHAR(100),
    contact_phone VARCHAR(20)
);
CREATE TABLE routers (
    id INT PRIMARY KEY AUTO_INCREMENT,
    router_name VARCHAR(100),
    local_ip VARCHAR(100)
);
CREATE TABLE pppoe_users (
    id INT PRIMARY KEY AUTO_INCREMENT,
    full_name VARCHAR(255),
    username VARCHAR(100),
    account_name VARCHAR(100),
    amount DECIMAL(10,2),
    router_id INT,
    isp_id INT,
    status ENUM('active', 'inactive'),
    next_payment_date DATE,
    phone VARCHAR(20),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_reconnected_at TIMESTAMP NULL,
    INDEX (account_name)
);
CREATE TABLE paybill_payments (
    id INT PRIMARY KEY AUTO_INCREMENT,
    TransactionType VARCHAR(50),
    TransID VARCHAR(100) UNIQUE,
    TransTime VARCHAR(50),
    TransAmount DECIMAL(10,2),
    BusinessShortCode VARCHAR(50),
    BillRefNumber VARCHAR(100),
    InvoiceNumber VARCHAR(100),
    OrgAccountBalance DECIMAL(10,2),
    ThirdPartyTransID VARCHAR(100),
    MSISDN VARCHAR(20),
    FirstName VARCHAR(100),
    received_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE user_transactions_in (
    id INT PRIMARY KEY AUTO_INCREMENT,
    isp_id INT,
    pppoe_user_id INT,
    amount DECIMAL(10,2),
    method VARCHAR(50),
    reference VARCHAR(100),
    received_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE isp_wallet (
    id INT PRIMARY KEY AUTO_INCREMENT,
    isp_id INT,
    balance DECIMAL(10,2) DEFAULT 0,
    last_updated TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE payment_debug_log (
    id INT AUTO_INCREMENT PRIMARY KEY,
    transaction_id VARCHAR(255) NOT NULL,
    category VARCHAR(100) NOT NULL,
    message TEXT NOT NULL,
    details JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    INDEX (transaction_id),
    INDEX (category),
    INDEX (created_at)
);
